package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// template is what the floor makes one container of: what stackctl has created, in another project.
type template struct {
	service   string
	name      string
	config    *container.Config
	host      *container.HostConfig
	endpoint  *network.EndpointSettings
	files     map[string][]byte // what is written before it starts: a tar by directory
	published bool
}

// images lists the image of each service.
func (o *ours) images(ctx context.Context) (map[string]string, error) {
	// `ps` would list them too, but only while the stack is up.
	data, err := o.model(ctx, o.project, o.port)
	if err != nil {
		return nil, err
	}
	return imagesOf(data)
}

// templates reads the containers of a project that is up, and translates them into the floor's project.
func (b *bench) templates(ctx context.Context, from *ours, to *floor) ([]*template, error) {
	mine := filters.NewArgs(filters.Arg("label", orchestrate.LabelProject+"="+from.project))
	list, err := b.engine.ContainerList(ctx, container.ListOptions{Filters: mine})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	addresses := map[string]string{} // theirs to the floor's
	var templates []*template
	var infos []container.InspectResponse
	for _, summary := range list {
		info, err := b.engine.ContainerInspect(ctx, summary.ID)
		if err != nil {
			return nil, fmt.Errorf("inspecting container %q: %w", summary.ID, err)
		}
		t := to.translate(info, summary.Labels[orchestrate.LabelService], len(templates))
		for _, have := range info.NetworkSettings.Networks {
			addresses[have.IPAddress] = t.endpoint.IPAMConfig.IPv4Address
		}
		infos, templates = append(infos, info), append(templates, t)
	}
	for i, t := range templates {
		if err := b.takeFiles(ctx, t, infos[i], addresses); err != nil {
			return nil, err
		}
	}
	if len(templates) == 0 {
		return nil, fmt.Errorf("reading the containers of project %q: there are none", from.project)
	}
	return templates, nil
}

// translate turns a container into a template for the floor; n numbers its address.
func (f *floor) translate(info container.InspectResponse, service string, n int) *template {
	config, host := *info.Config, *info.HostConfig
	config.Hostname, config.Labels = "", map[string]string{orchestrate.LabelProject: f.project}
	host.NetworkMode = container.NetworkMode(f.network())
	host.Mounts = slices.Clone(host.Mounts)
	for i, m := range host.Mounts {
		if m.Type == mount.TypeVolume && m.Source != "" {
			host.Mounts[i].Source = f.project + "_" + service
			host.Mounts[i].VolumeOptions = &mount.VolumeOptions{Labels: config.Labels}
		}
	}
	host.PortBindings = maps.Clone(host.PortBindings)
	for port, bindings := range host.PortBindings {
		for _, binding := range bindings {
			binding.HostPort = strconv.Itoa(f.port)
			host.PortBindings[port] = []nat.PortBinding{binding}
		}
	}
	return &template{
		service: service, name: f.project + "-" + service, config: &config, host: &host, files: map[string][]byte{},
		endpoint: &network.EndpointSettings{
			Aliases:    []string{service},
			IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: f.address(n)},
		},
		published: len(host.PortBindings) > 0,
	}
}

// takeFiles copies what stackctl has written into a container: the directories that are anonymous volumes.
func (b *bench) takeFiles(ctx context.Context, t *template, info container.InspectResponse, addresses map[string]string) error {
	for _, m := range t.host.Mounts {
		if m.Type != mount.TypeVolume || m.Source != "" {
			continue
		}
		content, _, err := b.engine.CopyFromContainer(ctx, info.ID, m.Target)
		if err != nil {
			return fmt.Errorf("copying %q from container %q: %w", m.Target, info.Name, err)
		}
		t.files[m.Target], err = readdress(content, addresses)
		if err = errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("copying %q from container %q: %w", m.Target, info.Name, err)
		}
	}
	return nil
}

// readdress copies a tar of a directory, without the directory itself, with other addresses in its files.
func readdress(content io.Reader, addresses map[string]string) ([]byte, error) {
	var pairs []string
	for from, to := range addresses {
		pairs = append(pairs, from+":", to+":") // with its end, since 10.0.0.2 begins 10.0.0.20
	}
	replacer := strings.NewReplacer(pairs...)
	var archive bytes.Buffer
	tr, tw := tar.NewReader(content), tar.NewWriter(&archive)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return archive.Bytes(), tw.Close()
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		data = []byte(replacer.Replace(string(data)))
		header.Name, header.Size = path.Base(header.Name), int64(len(data))
		if err := tw.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := tw.Write(data); err != nil {
			return nil, err
		}
	}
}
