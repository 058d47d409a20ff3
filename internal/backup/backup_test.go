package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	workFactor = 10 // a second for each would be too long here
	m.Run()
}

const content = "REDIS0011 data"

// sample is a backup with secrets.
func sample(t testing.TB) (*Manifest, []byte) {
	t.Helper()
	parts := map[string][]byte{Compose: []byte("name: p\n"), Redis: []byte(content)}
	visits := int64(7)
	m := &Manifest{
		Version: Version, Project: "p", Time: time.Unix(1e9, 0).UTC(), Embedded: true, With: []string{"tls"}, Replicas: map[string]int{"web": 2}, Port: 5002,
		Variables: map[string]string{"STACKCTL_RATE": "9"}, Visits: &visits,
		Store: &Store{Service: "redis", Version: "7.0.15", Dir: "/data", AppendOnly: true, AppendDir: "appendonlydir", AppendFile: "appendonly.aof", File: "dump.rdb"},
	}
	for _, name := range []string{Compose, Redis} {
		e, err := Sum(name, bytes.NewReader(parts[name]))
		check(t, err)
		m.Entries = append(m.Entries, e)
	}
	sealed, err := Seal(Secret{Passwords: map[string][]string{"redis_web": {strings.Repeat("a", 64)}}, Entries: m.Entries}, "secret")
	check(t, err)
	parts[Secrets] = sealed
	e, err := Sum(Secrets, bytes.NewReader(sealed))
	check(t, err)
	m.Entries = append(m.Entries, e)
	var file bytes.Buffer
	check(t, Write(&file, m, func(name string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(parts[name])), nil }))
	return m, file.Bytes()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	want, file := sample(t)
	m, err := Verify(bytes.NewReader(file))
	check(t, err)
	if m.Project != want.Project || *m.Visits != 7 || m.Replicas["web"] != 2 || !m.Has(Redis) || m.Has(Postgres) || !m.Time.Equal(want.Time) {
		t.Errorf("%+v", m)
	}
	got, err := ReadAll(bytes.NewReader(file), Redis)
	if check(t, err); string(got) != content {
		t.Errorf("%q", got)
	}
	sealed, err := ReadAll(bytes.NewReader(file), Secrets)
	check(t, err)
	s, err := Unseal(m, sealed, "secret")
	if check(t, err); s.Passwords["redis_web"][0] != strings.Repeat("a", 64) {
		t.Errorf("%+v", s)
	}
	if _, err := Unseal(m, sealed, "wrong"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if bytes.Contains(file, []byte("aaaaaaaa")) {
		t.Error("the password can be read in the file")
	}
	m.Entries[1].SHA256 = strings.Repeat("0", 64)
	if _, err := Unseal(m, sealed, "secret"); err == nil || !strings.Contains(err.Error(), "somebody has changed it") {
		t.Errorf("other data beside the secrets: %v", err)
	}
}

// A file that ends anywhere before its trailer is refused, and so is one with any byte changed.
func TestEveryDamageIsFound(t *testing.T) {
	_, file := sample(t)
	end := len(bytes.TrimRight(file, "\x00")) // what follows is only the padding of a tar
	for n := range end {
		var bad *DamagedError
		if _, err := Verify(bytes.NewReader(file[:n])); !errors.As(err, &bad) {
			t.Fatalf("cut off at %d of %d bytes: %v", n, len(file), err)
		}
	}
	undetected := 0
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 0x55
		if m, err := Verify(bytes.NewReader(changed)); err == nil {
			undetected++
			if !m.Has(Redis) {
				t.Fatalf("byte %d: %+v", i, m)
			}
		}
	}
	// Padding, and the manifest's own words that can be other ones, such as the project's name.
	t.Logf("%d of %d bytes may change", undetected, len(file))
	if _, err := Verify(bytes.NewReader(append(bytes.Clone(file), "more"...))); err == nil {
		t.Error("something follows its end")
	}
}

// entry is one of a hostile tar.
type entry struct {
	tar.Header
	content string
}

func hostile(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var file bytes.Buffer
	tw := tar.NewWriter(&file)
	for _, e := range entries {
		if e.Size == 0 {
			e.Size = int64(len(e.content))
		}
		check(t, tw.WriteHeader(&e.Header))
		if _, err := io.WriteString(tw, e.content); err != nil {
			t.Fatal(err)
		}
	}
	_ = tw.Close()
	return file.Bytes()
}

func TestHostileFiles(t *testing.T) {
	sum := func(text string) string { e, _ := Sum("", strings.NewReader(text)); return e.SHA256 }
	of := func(entries string) entry {
		return entry{tar.Header{Name: manifest, Typeflag: tar.TypeReg}, `{"version":1,"project":"p","redis":{"service":"redis","dir":"/data","append_dir":"d","append_file":"f","file":"r"},"entries":[` + entries + `]}`}
	}
	redis := `{"name":"redis/dump.rdb","size":1,"sha256":"` + sum("x") + `"}`
	plain := entry{tar.Header{Name: Redis, Typeflag: tar.TypeReg}, "x"}
	if _, err := Verify(bytes.NewReader(hostile(t, of(redis), plain))); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	with := func(change func(*entry)) entry { e := plain; change(&e); return e }
	text := func(text string) entry { return entry{tar.Header{Name: manifest, Typeflag: tar.TypeReg}, text} }
	for name, entries := range map[string][]entry{
		"no manifest":         {plain},
		"an absolute name":    {of(redis), with(func(e *entry) { e.Name = "/redis/dump.rdb" })},
		"dots":                {of(redis), with(func(e *entry) { e.Name = "../redis/dump.rdb" })},
		"a link":              {of(redis), {tar.Header{Name: Redis, Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}, ""}},
		"a hard link":         {of(redis), {tar.Header{Name: Redis, Typeflag: tar.TypeLink, Linkname: "/etc/shadow"}, ""}},
		"a device":            {of(redis), {tar.Header{Name: Redis, Typeflag: tar.TypeChar}, ""}},
		"a sparse file":       {of(redis), with(func(e *entry) { e.PAXRecords = map[string]string{"STACKCTL.sparse": "1"}; e.Format = tar.FormatPAX })},
		"another size":        {of(redis), with(func(e *entry) { e.content = "xy" })},
		"another content":     {of(redis), with(func(e *entry) { e.content = "y" })},
		"twice in the tar":    {of(redis), plain, plain},
		"twice in the list":   {of(redis + "," + redis), plain, plain},
		"an unlisted file":    {of(redis), plain, {tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}, "x"}},
		"an unknown file":     {of(`{"name":"etc/passwd","size":1,"sha256":"` + sum("x") + `"}`), {tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}, "x"}},
		"the manifest itself": {of(`{"name":"manifest.json","size":1,"sha256":"` + sum("x") + `"}`), {tar.Header{Name: manifest, Typeflag: tar.TypeReg}, "x"}},
		"a size below 0":      {of(`{"name":"redis/dump.rdb","size":-1,"sha256":"` + sum("x") + `"}`), plain},
		"a huge size":         {of(`{"name":"compose.yaml","size":99999999999,"sha256":"` + sum("x") + `"}`), plain},
		"no hash":             {of(`{"name":"redis/dump.rdb","size":1,"sha256":"xx"}`), plain},
		"a missing file":      {of(redis)},
		"null":                {text("null")},
		"a list":              {text("[]")},
		"another version":     {text(`{"version":2,"project":"p"}`)},
		"a project's name":    {text(`{"version":1,"project":"../p"}`)},
		"a port":              {text(`{"version":1,"project":"p","port":70000}`)},
		"a feature's name":    {text(`{"version":1,"project":"p","with":["../x"]}`)},
		"a variable":          {text(`{"version":1,"project":"p","variables":{"DOCKER_HOST":"tcp://evil"}}`)},
		"replicas":            {text(`{"version":1,"project":"p","replicas":{"web":1000000}}`)},
		"a folder of Redis":   {text(`{"version":1,"project":"p","redis":{"service":"r","dir":"/data/../etc","append_dir":"d","append_file":"f","file":"r"}}`)},
		"a file of Redis":     {text(`{"version":1,"project":"p","redis":{"service":"r","dir":"/data","append_dir":"../d","append_file":"f","file":"r"}}`)},
		"a huge manifest":     {text(strings.Repeat(" ", 2<<20))},
	} {
		var bad *DamagedError
		if _, err := Verify(bytes.NewReader(hostile(t, entries...))); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A content that changes while it is written is an error, and no backup.
func TestAChangingContent(t *testing.T) {
	m, _ := sample(t)
	for _, text := range []string{"REDIS0011 DATA", "short", content + " more"} {
		open := func(name string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		m.Entries = m.Entries[1:2]
		if err := Write(io.Discard, m, open); err == nil {
			t.Errorf("%q was written", text)
		}
		m, _ = sample(t)
	}
}

func FuzzVerify(f *testing.F) {
	_, file := sample(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := Verify(bytes.NewReader(file))
		if err != nil {
			var bad *DamagedError
			if !errors.As(err, &bad) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		// What verifies can be read again, and is what the manifest says.
		for _, e := range m.Entries {
			got, err := ReadAll(bytes.NewReader(file), e.Name)
			if sum, _ := Sum(e.Name, bytes.NewReader(got)); err != nil || sum != e {
				t.Errorf("%+v: %v, %v", e, sum, err)
			}
		}
	})
}
