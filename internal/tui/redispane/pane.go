package redispane

import (
	"context"
	"fmt"
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

const (
	maxOutput      = 2000    // lines kept
	maxOutputBytes = 1 << 20 // of text
)

// Pane is the console in the dashboard.
type Pane struct {
	title   string
	line    *line
	keys    keys.Map
	output  []printed
	bytes   int
	up      int // rows scrolled up from the end
	typing  bool
	browser *browser
	lost    error // why Redis cannot be reached

	cursorX, cursorY int // where View put the text cursor
}

// New makes a pane; its commands end with ctx.
func New(ctx context.Context, title string, k keys.Map, o Options) *Pane {
	return &Pane{title: title, line: newLine(ctx, k, o), keys: k}
}

// Connection says whether Redis can be reached: why not, or nil.
type Connection struct{ Err error }

// Update takes the console's messages and, with the focus, keys.
func (p *Pane) Update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	cmd, changed = p.update(msg)
	for _, out := range p.line.taken() {
		p.output = append(p.output, out)
		p.bytes += len(out.text)
	}
	drop := 0
	for len(p.output)-drop > maxOutput || p.bytes > maxOutputBytes && drop < len(p.output) {
		p.bytes -= len(p.output[drop].text)
		drop++
	}
	if drop > 0 {
		p.output = append(p.output[:0], p.output[drop:]...)
	}
	return tea.Batch(cmd, p.line.tick()), changed
}

func (p *Pane) update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	switch msg := msg.(type) {
	case Connection:
		p.lost = msg.Err
	case leaveMsg:
		p.typing = false
	case clearMsg:
		p.clear()
	case tea.MouseWheelMsg:
		if p.browser != nil {
			p.browser.move(keys.Wheel(msg))
		} else {
			p.scroll(-3 * keys.Wheel(msg))
		}
	case tea.MouseClickMsg:
		if p.browser == nil {
			p.typing = true
			cmd = p.line.load()
		}
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	case tea.PasteMsg:
		if p.browser != nil {
			p.browser.paste(msg)
		} else {
			cmd = p.line.update(msg)
		}
	case browsedMsg, valueMsg:
		if p.browser != nil {
			p.browser.take(msg)
		}
	case repliedMsg, undoneMsg:
		cmd = p.line.update(msg)
		if p.browser != nil { // what was shown may be gone
			cmd = tea.Batch(cmd, p.browser.refresh())
		}
	case tickMsg, loadedMsg, describedMsg, keysMsg, streamMsg:
		cmd = p.line.update(msg)
	default:
		return nil, false
	}
	return cmd, true
}

func (p *Pane) press(msg tea.KeyPressMsg) tea.Cmd {
	k := p.keys.Redis
	switch {
	case keys.Matches(msg, k.PageUp):
		p.scroll(10)
	case keys.Matches(msg, k.PageDown):
		p.scroll(-10)
	case p.line.work != nil && (!p.typing || p.browser != nil) && !keys.Matches(msg, k.Leave, p.keys.Global.Interrupt): // nothing is typed ahead here
	case p.line.question != nil, p.line.work != nil:
		return p.line.update(msg)
	case p.browser != nil:
		cmd, done := p.browser.press(msg)
		if done {
			p.browser = nil
		}
		return cmd
	case p.typing && keys.Matches(msg, k.Leave) && p.line.search == nil && !p.line.menu.open():
		p.typing = false
	case p.typing && keys.Matches(msg, k.Clear):
		p.clear()
	case p.typing:
		p.up = 0
		return p.line.update(msg)
	case keys.Matches(msg, k.Edit):
		p.typing = true
		return p.line.load()
	case keys.Matches(msg, k.Browse):
		p.browser = newBrowser(p.line)
		return p.browser.refresh()
	case keys.Matches(msg, k.Undo):
		return p.line.undo()
	}
	return nil
}

func (p *Pane) clear() { p.output, p.bytes, p.up = nil, 0, 0 }

func (p *Pane) scroll(rows int) { p.up = max(p.up+rows, 0) }

// Takes reports whether the key cancels the running command, or undoes a removal here, instead of what it does in the dashboard.
func (p *Pane) Takes(msg tea.KeyPressMsg) bool {
	return keys.Matches(msg, p.keys.Redis.Undo) || p.busy() && keys.Matches(msg, p.keys.Global.Interrupt)
}

func (p *Pane) busy() bool {
	return p.line.work != nil || p.line.question != nil || p.typing && p.line.search != nil
}

// Capturing reports whether letters are text.
func (p *Pane) Capturing() bool {
	return p.typing || p.line.question != nil || p.line.work != nil || p.browser != nil
}

// Keys are all of the pane.
func (p *Pane) Keys() []key.Binding {
	k := p.keys.Redis
	return []key.Binding{k.Submit, k.Complete, k.CompletePrevious, k.HistoryPrevious, k.HistoryNext, k.HistorySearch, k.PageUp, k.PageDown, k.Leave, k.Edit, k.Browse, k.Undo, k.Clear}
}

// Hints are the keys that fit the state.
func (p *Pane) Hints() []key.Binding {
	k := p.keys.Redis
	switch {
	case p.line.question != nil:
		return []key.Binding{p.keys.Prompt.Yes, p.keys.Prompt.No}
	case p.browser != nil:
		return p.browser.hints()
	case p.typing:
		return []key.Binding{k.Submit, k.Complete, k.HistoryPrevious, k.HistorySearch, k.Leave, k.Clear}
	}
	return []key.Binding{k.Edit, k.Browse, k.Undo, k.PageUp}
}

// Selection is what is copied: the last reply.
func (p *Pane) Selection() string {
	if p.browser != nil {
		return p.browser.selection()
	}
	end := len(p.output)
	for end > 0 && p.output[end-1].kind == remark {
		end--
	}
	begin := end
	for begin > 0 && p.output[begin-1].kind == answer {
		begin--
	}
	return plain(p.output[begin:end])
}

// Cursor is where text is typed.
func (p *Pane) Cursor() *tea.Cursor {
	if !p.typing || p.line.question != nil || p.line.work != nil || p.browser != nil || p.cursorY < 1 {
		return nil
	}
	return tea.NewCursor(p.cursorX, p.cursorY)
}

// View draws the pane.
func (p *Pane) View(t *theme.Theme, width, height int, focused bool) string {
	inner, rows := max(width-4, 1), max(height-2, 0)
	frame := draw.Frame{Title: p.title, Focused: focused}
	if p.lost != nil {
		frame.Status = "✖ not reachable"
	} else if p.line.o.ReadOnly {
		frame.Status = "read-only"
	}
	if p.browser != nil && p.line.question == nil {
		return draw.Box(t, frame, indent(p.browser.view(t, inner, rows, &frame)), width, height)
	}
	bottom := p.line.view(t, inner, p.typing)
	if p.lost != nil {
		bottom = append([]string{t.Bad.Render(draw.Cut("✖ Redis is not reachable: "+draw.Safe(p.lost.Error()), inner))}, bottom...)
	}
	if len(bottom) > rows {
		bottom = bottom[len(bottom)-rows:]
	}
	room := rows - len(bottom)
	shown := p.window(t, inner, room)
	if p.up > 0 {
		frame.Footer = fmt.Sprintf("%d rows below", p.up)
	}
	lines := slices.Concat(shown, bottom)
	p.cursorX, p.cursorY = min(2+p.line.cursor(inner), width-2), len(lines)
	return draw.Box(t, frame, indent(lines), width, height)
}

func indent(lines []string) []string {
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return lines
}

// window renders the output's rows that are in sight: only as many lines as are needed for them.
func (p *Pane) window(t *theme.Theme, width, room int) []string {
	if room <= 0 {
		return nil
	}
	if len(p.output) == 0 {
		return []string{t.Muted.Render(draw.Cut("i types commands as in redis-cli (GET visits), b browses keys", width))}
	}
	var rows []string
	first := len(p.output)
	for first > 0 && len(rows) < room+p.up {
		first--
		rows = append(render(t, p.output[first:first+1], width), rows...)
	}
	if first == 0 { // there is no more to scroll to
		p.up = min(p.up, max(len(rows)-room, 0))
	}
	end := max(len(rows)-p.up, 0)
	return rows[max(end-room, 0):end]
}
