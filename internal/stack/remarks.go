package stack

import (
	"context"
	"io"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// remarking guards logrus's standard logger, through which compose-go speaks.
var remarking sync.Mutex

// parsed runs the parser, which may read from a file system that does not answer, and returns its warnings, each once: by itself it
// would print them to standard error, into a stream of JSON or over a dashboard.
func parsed(ctx context.Context, parse func() (*types.Project, error)) (*types.Project, []string, error) {
	type result struct {
		project  *types.Project
		warnings []string
	}
	r, err := within(ctx, func() (r result, err error) {
		remarking.Lock()
		defer remarking.Unlock()
		logger := logrus.StandardLogger()
		collected := &collector{seen: map[string]bool{}}
		out, hooks := logger.Out, logger.ReplaceHooks(logrus.LevelHooks{})
		logger.SetOutput(io.Discard)
		logger.AddHook(collected)
		r.project, err = parse()
		logger.SetOutput(out)
		logger.ReplaceHooks(hooks)
		r.warnings = collected.said
		return r, err
	})
	return r.project, r.warnings, err
}

// maxRemarks bounds them: a file may name any number of variables that are not set.
const maxRemarks = 100

// collector keeps each warning once.
type collector struct {
	mu   sync.Mutex
	said []string
	seen map[string]bool
}

var _ logrus.Hook = (*collector)(nil)

func (*collector) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}
}

func (c *collector) Fire(entry *logrus.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[entry.Message] || len(c.said) == maxRemarks {
		return nil
	}
	c.seen[entry.Message] = true
	c.said = append(c.said, entry.Message)
	return nil
}
