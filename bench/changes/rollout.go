package changes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/bench/rig"
)

const (
	rolloutReplicas = 3
	rolloutRate     = 500 // requests a second
)

// verifiedRollout is what is read of `verify rollout`.
type verifiedRollout struct {
	All    struct{ Requests, Failed int }
	Phases []struct {
		P99 float64 `json:"p99_ns"`
	}
}

// verifyRollout rolls out the web tier under load. Failed requests are a result, not an error.
func verifyRollout(ctx context.Context, p rig.Program, args ...string) (verified verifiedRollout, err error) {
	out, failure := p.Output(ctx, append([]string{"verify", "rollout", "--rate", fmt.Sprint(rolloutRate), "--for", "10s", "--format", "json"}, args...)...)
	if json.Unmarshal(out, &verified) != nil || verified.All.Requests == 0 {
		return verified, errors.Join(errors.New("the rollout was not measured"), failure)
	}
	if verified.All.Failed == 0 {
		err = failure
	}
	return verified, err
}

// addNewerNginx fills the row about a newer nginx than that of the stack's image, if a folder has one.
func (c *changing) addNewerNginx(own *rig.Contender, root string) error {
	if root == "" {
		c.Skipped = append(c.Skipped, "nginx from 1.27.4 on: no folder with one was given (-nginx)")
		return nil
	}
	root, err := filepath.Abs(root) // tools run in a folder of the rig's
	if err != nil {
		return err
	}
	roots := []string{root, os.Getenv("STACKCTL_HOST_ROOT")}
	if cache, err := os.UserCacheDir(); err == nil && roots[1] == "" {
		roots[1] = filepath.Join(cache, "stackctl", "host") // stackctl's default, where what is not in the folder is found
	}
	dir := filepath.Join(c.Dir, "newer")
	if err := os.CopyFS(dir, assets.FS); err != nil {
		return err
	}
	// A name of its own: nobody else's stack takes the image that is made for it.
	image, err := c.TempFile("newer-image.yaml", []byte("services: {nginx: {image: stackctl-bench-nginx}}\n"))
	if err != nil {
		return err
	}
	project := c.Project("change-newer")
	newer := c.Stackctl(project, own.Port, "-f", filepath.Join(dir, "compose.yaml"), "-f", image)
	newer.Env = append(newer.Env, "STACKCTL_HOST_ROOT="+strings.Join(roots, string(filepath.ListSeparator)))
	own.Set(rowRolloutNew, func(ctx context.Context) (float64, error) {
		defer func() { _ = c.Purge(context.WithoutCancel(ctx), project) }()
		if _, err := newer.Output(ctx, "up", "-d", "--images", "host", "--scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		once, err := verifyRollout(ctx, newer, "--no-retry")
		return float64(once.All.Failed), err
	})
	return nil
}

// addRollout fills the rows about replicas that are replaced under load.
func (c *changing) addRollout(own *rig.Contender) {
	var verified verifiedRollout
	own.Set(rowRollout, func(ctx context.Context) (failed float64, err error) {
		if _, err := c.embedded.Output(ctx, "up", "--scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		verified, err = verifyRollout(ctx, c.embedded)
		return float64(verified.All.Failed), err
	})
	own.Set(rowRolloutP99, func(context.Context) (float64, error) {
		if len(verified.Phases) != 3 || verified.Phases[0].P99 == 0 {
			return 0, errors.New("the rollout was not measured")
		}
		return verified.Phases[1].P99 / verified.Phases[0].P99, nil
	})
	own.Set(rowRolloutOnce, func(ctx context.Context) (float64, error) {
		once, err := verifyRollout(ctx, c.embedded, "--no-retry")
		_, downErr := c.embedded.Output(ctx, "down", "-t", "0")
		return float64(once.All.Failed), errors.Join(err, downErr)
	})
}
