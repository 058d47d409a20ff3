package logpane

import "slices"

// filter says which lines are in the list.
type filter struct {
	service string // "" is all
	least   level  // notLooked is all
	search  *pattern
	only    bool // lines that do not match the search are left out; otherwise matches are only highlighted
}

func (p *Pane) passes(rec *record) bool {
	f := &p.filter
	switch {
	case f.service != "" && rec.Service != f.service:
		return false
	case f.least != notLooked && p.ring.levelOf(rec) < f.least:
		return false
	}
	return !f.only || f.search == nil || f.search.matches(rec.Text)
}

// refilter builds the index again after the filter has changed, and keeps the place.
func (p *Pane) refilter() {
	p.index = index{}
	for seq := p.ring.oldest; seq < p.ring.next; seq++ {
		if p.passes(p.ring.at(seq)) {
			p.index.seqs.push(seq)
		}
	}
	p.stay()
}

// words are the filters in force, for the title.
func (f *filter) words() (words []string) {
	if f.service != "" {
		words = append(words, f.service)
	}
	switch f.least {
	case warning:
		words = append(words, "warnings+")
	case failure:
		words = append(words, "errors")
	}
	if f.search != nil {
		word := "/" + f.search.text + "/"
		if f.only {
			word = "only " + word
		}
		words = append(words, word)
	}
	return words
}

// nextService goes from all services to each one that was seen, and back to all.
func (p *Pane) nextService() {
	i := slices.Index(p.services, p.filter.service)
	switch {
	case p.filter.service == "" && len(p.services) > 0:
		p.filter.service = p.services[0]
	case i >= 0 && i+1 < len(p.services):
		p.filter.service = p.services[i+1]
	default:
		p.filter.service = ""
	}
	p.refilter()
}

// filterService shows only one service's lines; "" shows all.
func (p *Pane) filterService(name string) {
	p.filter.service = name
	if name != "" {
		p.know(name)
	}
	p.refilter()
}

// maxServices bounds the services that one key goes through.
const maxServices = 64

func (p *Pane) know(service string) {
	if i, known := slices.BinarySearch(p.services, service); !known && len(p.services) < maxServices {
		p.services = slices.Insert(p.services, i, service)
	}
}

func (p *Pane) nextLevel() {
	switch p.filter.least {
	case notLooked:
		p.filter.least = warning
	case warning:
		p.filter.least = failure
	default:
		p.filter.least = notLooked
	}
	p.refilter()
}
