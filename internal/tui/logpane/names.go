package logpane

import (
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/tui/draw"
)

// names are the containers' short names, each made once.
type names struct {
	short map[string]string
	width int // of the widest, in cells
}

const maxNames = 1024

func (n *names) of(l *logs.Line) string {
	if short, ok := n.short[l.Container]; ok {
		return short
	}
	if n.short == nil || len(n.short) >= maxNames {
		n.short = make(map[string]string)
	}
	short := origin(l)
	n.short[l.Container] = short
	n.width = max(n.width, draw.Width(short))
	return short
}

// origin is the short name of a line's container, such as web-1.
func origin(l *logs.Line) string {
	name := l.Service
	if name == "" {
		name = l.Container
	}
	if l.Replica > 0 {
		name = fmt.Sprintf("%s-%d", name, l.Replica)
	}
	return draw.Safe(name)
}
