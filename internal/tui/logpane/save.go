package logpane

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// save writes the lines of the list to a new file. Texts never change, so a copy of the records is a snapshot.
func (p *Pane) save(path string) tea.Cmd {
	lines := make([]record, p.index.len())
	for i := range lines {
		lines[i] = *p.ring.at(p.index.at(i))
	}
	return func() tea.Msg {
		err := write(path, lines)
		switch {
		case errors.Is(err, fs.ErrExist):
			return notice.Msg{Level: notice.Warn, Text: fmt.Sprintf("%q already exists: choose another name", path)}
		case err != nil:
			return notice.Msg{Level: notice.Bad, Text: draw.Safe(err.Error())}
		}
		return notice.Msg{Text: draw.Safe(fmt.Sprintf("saved %s lines to %q", draw.Count(len(lines)), path))}
	}
}

// write makes the file, for its owner's eyes only: logs may hold secrets.
func write(path string, lines []record) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("saving logs: %w", err)
	}
	defer func() {
		if closeErr := file.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("saving logs to %q: %w", path, closeErr)
		}
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	w := bufio.NewWriter(file)
	var buf []byte
	for i := range lines {
		buf = appendLine(buf[:0], &lines[i])
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("saving logs to %q: %w", path, err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("saving logs to %q: %w", path, err)
	}
	return nil
}

// appendLine writes a line as `stackctl logs --timestamps` does: the file may be shown on a terminal later.
func appendLine(buf []byte, rec *record) []byte {
	buf = rec.Time.UTC().AppendFormat(buf, time.RFC3339Nano)
	buf = append(buf, ' ')
	buf = append(buf, origin(&rec.Line)...)
	if rec.Stderr {
		buf = append(buf, " !"...)
	}
	buf = append(buf, " | "...)
	buf = termtext.AppendSafe(buf, rec.Text)
	if rec.whole > 0 {
		buf = fmt.Appendf(buf, "… [cut, %d bytes]", rec.whole)
	}
	return append(buf, '\n')
}
