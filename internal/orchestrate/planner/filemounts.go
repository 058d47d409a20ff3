package planner

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
)

// mountOf finds the innermost mount of the service, or volume of its image, in which a path lies; "" without one.
func (r replica) mountOf(file string) (target string, isTmpfs bool) {
	consider := func(mounted string, tmpfs bool) {
		mounted = path.Clean(mounted)
		if strings.HasPrefix(path.Clean(file), strings.TrimSuffix(mounted, "/")+"/") && len(mounted) >= len(target) {
			target, isTmpfs = mounted, tmpfs
		}
	}
	for _, v := range r.service.Volumes {
		consider(v.Target, v.Type == types.VolumeTypeTmpfs)
	}
	for _, mounted := range r.image.Volumes {
		consider(mounted, false)
	}
	for mounted := range tmpfsOf(r.service) {
		consider(mounted, true)
	}
	return target, isTmpfs
}

// isMounted reports whether a file is mounted by itself: one that lies in a mount, but for a folder below a tmpfs. Such a folder
// can be a volume, since nothing else is in it when the container starts.
func (r replica) isMounted(file string) bool {
	target, isTmpfs := r.mountOf(file)
	return target != "" && (!isTmpfs || path.Dir(path.Clean(file)) == target)
}

// split parts a replica's files into those that are written into it and those that are mounted.
func (r replica) split(files []configs.File) (written, mounted []configs.File) {
	for _, f := range files {
		if r.isMounted(f.Path) {
			mounted = append(mounted, f)
		} else {
			written = append(written, f)
		}
	}
	return written, mounted
}

// checkFiles refuses what a file that is mounted by itself cannot do: change while its program runs.
func (r replica) checkFiles() error {
	i := slices.IndexFunc(configs.FileTargets(r.service), r.isMounted)
	if i < 0 || !reloads(decision{replica: r}) {
		return nil
	}
	return fmt.Errorf("mounting %q in service %q: it lies in a volume or tmpfs of the service, where it cannot be changed for a program that reloads it; give it a target outside of them",
		configs.FileTargets(r.service)[i], r.service.Name)
}
