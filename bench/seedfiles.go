package main

import (
	"context"
	"fmt"
	"path/filepath"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// seedOverride gives the images that are made from the host's programs what the seed's stack expects of the registry's.
const seedOverride = `version: '3.8'
services:
  redis: {entrypoint: [redis-server]}
  nginx:
    volumes: ["%s:/etc/passwd:ro", "%s:/etc/group:ro"]
    tmpfs: [/run, /var/lib/nginx, /var/log/nginx]
`

// seedFiles are Compose's flags: the seed's file, and where needed another one over it.
func (b *bench) seedFiles(ctx context.Context, redis string) ([]string, error) {
	info, err := b.engine.ImageInspect(ctx, redis)
	if err != nil {
		return nil, fmt.Errorf("inspecting image %q: %w", redis, err)
	}
	flags := []string{"-f", seedFile}
	if info.Config == nil || info.Config.Labels[orchestrate.LabelHostFor] == "" {
		return flags, nil
	}
	passwd, err := b.tempFile(filepath.Join("seed", "passwd"), []byte("root:x:0:0::/:\nnobody:x:65534:65534::/:\n"))
	if err != nil {
		return nil, err
	}
	group, err := b.tempFile(filepath.Join("seed", "group"), []byte("root:x:0:\nnogroup:x:65534:\n"))
	if err != nil {
		return nil, err
	}
	override, err := b.tempFile(filepath.Join("seed", "override.yml"), fmt.Appendf(nil, seedOverride, passwd, group))
	return append(flags, "-f", override), err
}
