package up

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// written is the file that stackctl writes into a service's container.
var written = map[string]string{"nginx": "/etc/nginx/live/nginx.conf", "redis": "/etc/redis/users.acl", "web": "/run/secrets/redis_web"}

// template is what the floor creates one container of: what stackctl has created, in another project.
type template struct {
	name      string
	config    *container.Config
	host      *container.HostConfig
	endpoint  *network.EndpointSettings
	published bool
	file      string // that is written into it, and content as a tar
	content   []byte
}

// take makes templates of the containers of a project that is up.
func (f *floor) take(ctx context.Context, project string) error {
	list, err := f.engine.ContainerList(ctx, container.ListOptions{Filters: rig.Mine(project)})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var addresses []string // theirs and the floor's
	for i, summary := range list {
		info, err := f.engine.ContainerInspect(ctx, summary.ID)
		if err != nil {
			return fmt.Errorf("inspecting container %q: %w", summary.ID, err)
		}
		for _, have := range info.NetworkSettings.Networks {
			addresses = append(addresses, have.IPAddress+":", address(i)+":") // with its end, since 10.0.0.2 begins 10.0.0.20
		}
		t := f.translate(info, summary.Labels[label.Service], address(i))
		t.file = written[summary.Labels[label.Service]]
		f.templates = append(f.templates, t)
	}
	for i, summary := range list {
		t := f.templates[i]
		if t.file == "" {
			continue
		}
		content, _, err := f.engine.CopyFromContainer(ctx, summary.ID, t.file)
		if err != nil {
			return fmt.Errorf("copying %s of container %q: %w", t.file, t.name, err)
		}
		t.content, err = readdress(content, strings.NewReplacer(addresses...))
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

// translate turns a container into a template with an address of the floor's.
func (f *floor) translate(info container.InspectResponse, service, address string) *template {
	config, host := *info.Config, *info.HostConfig
	config.Hostname, config.Labels = "", map[string]string{label.Project: f.Project}
	host.NetworkMode = container.NetworkMode(f.network())
	host.Mounts = slices.Clone(host.Mounts)
	for i, m := range host.Mounts {
		if m.Type == mount.TypeVolume && m.Source != "" {
			host.Mounts[i].Source = f.Project + "_" + service
			host.Mounts[i].VolumeOptions = &mount.VolumeOptions{Labels: config.Labels}
		}
	}
	published := nat.PortMap{}
	for port := range host.PortBindings {
		published[port] = []nat.PortBinding{{HostIP: "127.0.0.1", HostPort: strconv.Itoa(f.Port)}}
	}
	host.PortBindings = published
	return &template{
		name: f.Project + "-" + service, config: &config, host: &host, published: len(published) > 0,
		endpoint: &network.EndpointSettings{Aliases: []string{service}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address}},
	}
}

// readdress copies a tar of one file, with other addresses in it.
func readdress(content io.Reader, addresses *strings.Replacer) ([]byte, error) {
	tr := tar.NewReader(content)
	header, err := tr.Next()
	if err != nil {
		return nil, err
	}
	conf, err := io.ReadAll(tr)
	if err != nil {
		return nil, err
	}
	text := addresses.Replace(string(conf))
	header.Size = int64(len(text))
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := tw.WriteHeader(header); err != nil {
		return nil, err
	}
	_, err = io.WriteString(tw, text)
	err = errors.Join(err, tw.Close())
	return archive.Bytes(), err
}
