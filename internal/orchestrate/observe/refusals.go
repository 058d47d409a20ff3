package observe

import (
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
)

// IgnoreGone treats the removal of what is no longer there, or already being removed, as done.
func IgnoreGone(err error) error {
	if errdefs.IsNotFound(err) || Underway(err) {
		return nil
	}
	return err
}

// Underway tells the engine's answer that an object is being removed already.
func Underway(err error) bool {
	return errdefs.IsConflict(err) && strings.Contains(err.Error(), "is already in progress")
}

// NotRunning tells the engine's refusal to act on a container whose program is not there.
func NotRunning(err error) bool {
	return errdefs.IsConflict(err) && (strings.Contains(err.Error(), "is not running") || strings.Contains(err.Error(), "is restarting"))
}

// NoContainers is the error of a command that names a service of which the project has no containers.
func NoContainers(service, project string) error {
	return fmt.Errorf("finding service %q: project %q has no containers of it; `stackctl ps --all` lists them", service, project)
}
