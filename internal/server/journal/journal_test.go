package journal

import "testing"

func TestParse(t *testing.T) {
	good := func() map[string]string {
		return map[string]string{
			"series": "A", "base": "1 1 5 1795904678136", "now": "5 9 100 29931744", "m29931744": "3 9 13", "e4": "4 9 0 1795904678136", "other": "x", "m1": "nonsense", "m": "1 1 1",
		}
	}
	j := Parse(good())
	if j == nil || j.Behind() != 8 || len(j.Observations) != 3 || j.BaseAt.UnixMilli() != 1795904678136 {
		t.Fatalf("got %+v", j)
	}
	// The last change had no room of its own.
	if o := j.Observations; o[0].Field != "m29931744" || o[0].Changed || !o[1].Changed || o[2].Field != "now" || o[2].Counter != 100 || o[2].Minute != 29931744 {
		t.Errorf("observations %+v", o)
	}
	for _, field := range []string{"series", "base", "now"} {
		for _, text := range []string{"", "1 2", "99999999999999999999 1 1 1", "1 1 99999999999999999999 1", "-1 1 1 1", "1 1 1 1\n"} {
			fields := good()
			fields[field] = text
			if field == "series" && text != "" {
				continue
			}
			if Parse(fields) != nil {
				t.Errorf("%s %q is taken for a journal", field, text)
			}
		}
	}
	if Parse(nil) != nil {
		t.Error("nothing is taken for a journal")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("now", "5 9 100 29931744")
	f.Add("e9999999999999999", "4 9 0 9999999999999999")
	f.Add("m999999999999", "4 9 0")
	f.Fuzz(func(_ *testing.T, name, text string) {
		j := Parse(map[string]string{"series": "A", "base": "1 1 5 1795904678136", "now": "5 9 100 29931744", name: text})
		if j != nil {
			_ = j.Behind()
		}
	})
}
