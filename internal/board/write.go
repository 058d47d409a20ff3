package board

// html writes the page.
func (v pageView) html() string {
	p := &page{}
	p.add(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
`)
	kind := "board"
	if v.Report {
		kind = "report"
		p.add(`<meta http-equiv="Content-Security-Policy" content="%s">`+"\n", policy)
	} else {
		p.add(`<meta http-equiv="refresh" content="%d">`+"\n", refresh)
	}
	p.add("<title>%s: %s</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n<h1>%s <span>%s</span></h1>\n", v.Project, v.Title, markup(style), v.Project, kind)
	p.links("boards", "Dashboards", v.Links)
	p.links("ranges", "Time range", v.Ranges)
	p.add("</header>\n<main>\n")
	if v.Failure != "" {
		p.add(`<div class="card broken"><h2>There is nothing to show</h2><p>%s</p><p class="sub">This page tries again every %d s.</p></div>`, v.Failure, refresh)
	} else {
		p.alerts(v.Alerts)
		for _, b := range v.Boards {
			p.board(b, v.Report)
		}
		p.marks(v.Marks)
	}
	p.add("</main>\n<footer>%s Times are %s. ", v.Span, v.Zone)
	if v.Report {
		p.add("Made by stackctl board --once.")
	} else {
		p.add("Read from the project's Prometheus through a tunnel; the page is new every %d s.", refresh)
	}
	p.add("</footer>\n</body>\n</html>\n")
	return p.String()
}

func (p *page) links(class, what string, links []link) {
	if len(links) == 0 {
		return
	}
	p.add(`<nav class="%s" aria-label="%s">`, class, what)
	for _, l := range links {
		p.add(`<a href="%s"%s>%s</a>`, l.Address, here(l.Here, "true"), l.Words)
	}
	p.add("</nav>\n")
}

func (p *page) alerts(alerts []alert) {
	if len(alerts) == 0 {
		return
	}
	p.add(`<ul class="alerts" aria-label="Alerts">`)
	for _, a := range alerts {
		p.add("<li><b>%s</b> (%s) %s</li>", a.Name, a.Severity, a.Words)
	}
	p.add("</ul>\n")
}

func (p *page) board(b boardView, report bool) {
	if report {
		p.add(`<h2 class="board" id="%s">%s</h2>`, b.Name, b.Title)
	}
	p.add(`<p class="sub">%s</p>`, b.Description)
	p.add("\n<div class=\"stats\">\n")
	for _, s := range b.Stats {
		p.add(`<section class="card stat"><h3>%s</h3><p class="about">%s</p>`, s.Title, s.Description)
		if !p.nothing(s) {
			p.add(`<div class="value">%s</div>%s`, s.Value, s.Picture)
		}
		p.add("</section>\n")
	}
	p.add("</div>\n<div class=\"panels\">\n")
	for _, c := range b.Panels {
		p.add(`<section class="card"><h3>%s</h3><p class="about">%s</p>`, c.Title, c.Description)
		if !p.nothing(c) {
			p.add(`<div class="wide">%s</div>`, c.Picture)
			p.key(c)
		}
		p.add("</section>\n")
	}
	p.add("</div>\n")
}

// nothing says why there is nothing to draw, if that is so.
func (p *page) nothing(v panelView) bool {
	switch {
	case v.Failure != "":
		p.add(`<p class="none">%s</p>`, v.Failure)
	case len(v.Rows) == 0:
		p.add(`<p class="none">%s</p>`, v.Nothing)
	default:
		return false
	}
	return true
}

// key is the legend of a chart.
func (p *page) key(v panelView) {
	p.add(`<table class="key"><tr><th colspan="2"><span class="hide">series</span></th><th class="n">last</th><th class="n">mean</th><th class="n">max</th></tr>`)
	for _, r := range v.Rows {
		letter := ""
		if len(v.Rows) > 1 {
			letter = " " + r.Letter
		}
		p.add(`<tr><td class="swatch k%d"><svg viewBox="0 0 30 9" aria-hidden="true"><path class="line s%d" d="M0 4.5H30"/></svg>%s</td>`, r.Index, r.Index, letter)
		p.add(`<td class="name">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>`, r.Name, r.Last, r.Mean, r.Max)
	}
	if v.Hidden > 0 {
		p.add(`<tr><td></td><td class="less" colspan="4">not shown, because they are smaller: %d</td></tr>`, v.Hidden)
	}
	p.add("</table>")
}

func (p *page) marks(marks []markView) {
	p.add(`<section class="card events"><h2>Events</h2>`)
	if len(marks) == 0 {
		p.add(`<p class="about">None in this time: no deploy, no change of scale, no restart.</p>`)
	} else {
		p.add("<table><tr><th>time</th><th>kind</th><th>what</th></tr>")
		for _, m := range marks {
			p.add(`<tr><td>%s</td><td><b class="%s">%s %s</b></td><td class="what">%s</td></tr>`, m.When, m.Class, m.Sign, m.Name, m.Text)
		}
		p.add("</table>")
	}
	p.add("</section>\n")
}
