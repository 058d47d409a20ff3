package stack

import (
	"context"
	"io"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// loggerMu guards logrus's standard logger, to which compose-go writes its warnings.
var loggerMu sync.Mutex

// collectWarnings runs the parser and returns each of its warnings once. Left alone, the parser would print them to standard error,
// into JSON output or over a dashboard. It returns when ctx ends, even if a file system does not respond.
func collectWarnings(ctx context.Context, parse func() (*types.Project, error)) (*types.Project, []string, error) {
	type result struct {
		project  *types.Project
		warnings []string
	}
	r, err := within(ctx, func() (r result, err error) {
		loggerMu.Lock()
		defer loggerMu.Unlock()
		logger := logrus.StandardLogger()
		collected := &collector{seen: map[string]bool{}}
		out, hooks := logger.Out, logger.ReplaceHooks(logrus.LevelHooks{})
		logger.SetOutput(io.Discard)
		logger.AddHook(collected)
		r.project, err = parse()
		logger.SetOutput(out)
		logger.ReplaceHooks(hooks)
		r.warnings = collected.warnings
		return r, err
	})
	return r.project, r.warnings, err
}

// maxWarnings bounds the warnings: a file may use any number of variables that are not set.
const maxWarnings = 100

// collector keeps each warning once.
type collector struct {
	mu       sync.Mutex
	warnings []string
	seen     map[string]bool
}

var _ logrus.Hook = (*collector)(nil)

func (*collector) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}
}

func (c *collector) Fire(entry *logrus.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[entry.Message] || len(c.warnings) == maxWarnings {
		return nil
	}
	c.seen[entry.Message] = true
	c.warnings = append(c.warnings, entry.Message)
	return nil
}
