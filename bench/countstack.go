package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/go-connections/nat"
	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate"
)

const (
	// stackPort is where nginx and web listen in their containers, stackctl's and the seed's.
	stackPort = "5002"
	// plainConfig is where stackctl's nginx has its configuration.
	plainConfig = "/etc/nginx/live/nginx.conf"
	// plainAnswer is as long as an answer of /count.
	plainAnswer = "This page has been visited 1234567 times."
)

// startStack starts stackctl's stack. It is the embedded one, from files: another file over them says how many replicas there are.
func (c *counting) startStack(ctx context.Context, binary string) error {
	port, err := freePort(nil)
	if err != nil {
		return err
	}
	project := projectPrefix + "count"
	var files []string
	err = fs.WalkDir(assets.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := assets.FS.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := c.tempFile(filepath.Join("count", name), data)
		if filepath.Ext(name) == ".yaml" {
			files = append(files, "-f", file)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the embedded stack: %w", err)
	}
	c.ours = &ours{contender: &contender{name: stackctlName, project: project, port: port}, program: program{
		command: append([]string{binary, "--project-name", project, "--progress", "plain"}, files...), dir: c.dir,
		env: append(c.environment(), fmt.Sprintf("STACKCTL_PORT=%d", port)),
	}}
	return c.scale(ctx, 1)
}

// scale runs another number of replicas of web, and lets connections be made to them.
func (c *counting) scale(ctx context.Context, replicas int) error {
	if c.replicas == replicas {
		return nil
	}
	file, err := c.tempFile(filepath.Join("count", "scale.yaml"), fmt.Appendf(nil, "services: {web: {scale: %d}}\n", replicas))
	if err != nil {
		return err
	}
	if _, err := c.ours.output(ctx, "-f", file, "up"); err != nil {
		return err
	}
	c.replicas = replicas
	_, err = c.wrk(ctx, c.published(c.ours.port)+"/count", 64, time.Second)
	return err
}

func (c *counting) published(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

// address is that of a service's first container on its network.
func (c *counting) address(ctx context.Context, project, service string) (string, error) {
	list, err := c.engine.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", orchestrate.LabelProject+"="+project), filters.Arg("label", orchestrate.LabelService+"="+service))})
	if err != nil {
		return "", fmt.Errorf("listing containers: %w", err)
	}
	for _, summary := range list {
		for _, endpoint := range summary.NetworkSettings.Networks {
			if endpoint.IPAddress != "" {
				return endpoint.IPAddress, nil
			}
		}
	}
	return "", fmt.Errorf("looking for the address of service %q in project %q: it has none", service, project)
}

// direct is the URL of a service on the bridge.
func (c *counting) direct(ctx context.Context, project, service string) (string, error) {
	address, err := c.address(ctx, project, service)
	return "http://" + address + ":" + stackPort, err
}

// redisOf is a connection to a project's Redis, closed by cleanUp.
func (c *counting) redisOf(ctx context.Context, project string) (rdb *redis.Client, host string, err error) {
	if host, err = c.address(ctx, project, "redis"); err != nil {
		return nil, "", err
	}
	rdb = redis.NewClient(&redis.Options{Addr: host + ":6379"})
	c.redises = append(c.redises, rdb)
	if err := rdb.Ping(ctx).Err(); err != nil {
		return nil, "", fmt.Errorf("asking the Redis of project %q: %w", project, err)
	}
	return rdb, host, nil
}

var listens = regexp.MustCompile(`\blisten\s+` + stackPort + `\b[^;]*;`)

// startPlain starts an nginx that is stackctl's in everything, but answers by itself. It returns its port.
func (c *counting) startPlain(ctx context.Context) (int, error) {
	conf, err := assets.FS.ReadFile("nginx.conf")
	if err != nil {
		return 0, err
	}
	changed := listens.ReplaceAll(conf, []byte("$0\n        return 200 \""+plainAnswer+"\";"))
	if bytes.Equal(conf, changed) {
		return 0, fmt.Errorf("changing nginx.conf: it listens nowhere on port %q", stackPort)
	}
	info, err := c.engine.ContainerInspect(ctx, c.ours.project+"-nginx-1")
	if err != nil {
		return 0, fmt.Errorf("inspecting stackctl's nginx: %w", err)
	}
	port, err := freePort([]*contender{c.ours.contender})
	if err != nil {
		return 0, err
	}
	config, host, name := *info.Config, *info.HostConfig, c.plain+"-nginx-1"
	config.Hostname = ""
	config.Labels = map[string]string{orchestrate.LabelProject: c.plain, orchestrate.LabelService: "nginx"}
	host.PortBindings = nat.PortMap{stackPort + "/tcp": {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}}}
	if _, err := c.engine.ContainerCreate(ctx, &config, &host, nil, nil, name); err != nil {
		return 0, fmt.Errorf("creating container %q: %w", name, err)
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	err = tw.WriteHeader(&tar.Header{Name: path.Base(plainConfig), Mode: 0o644, Size: int64(len(changed))})
	if err == nil {
		_, err = tw.Write(changed)
	}
	if err = errors.Join(err, tw.Close()); err != nil {
		return 0, fmt.Errorf("archiving nginx.conf: %w", err)
	}
	if err := c.engine.CopyToContainer(ctx, name, path.Dir(plainConfig), &archive, container.CopyToContainerOptions{}); err != nil {
		return 0, fmt.Errorf("copying nginx.conf to container %q: %w", name, err)
	}
	return port, c.startContainer(ctx, name)
}

// webMemory is what the web tier has for itself, in MB: no page cache, which the kernel takes back when it likes.
func (c *counting) webMemory(ctx context.Context) (float64, error) {
	answer, err := c.engine.ContainerStatsOneShot(ctx, c.ours.project+"-web-1")
	if err != nil {
		return 0, fmt.Errorf("asking for the memory of web: %w", err)
	}
	defer answer.Body.Close()
	var stats container.StatsResponse
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		return 0, fmt.Errorf("reading the memory of web: %w", err)
	}
	for _, key := range []string{"total_rss", "anon"} { // cgroup v1, v2
		if n, ok := stats.MemoryStats.Stats[key]; ok {
			return float64(n) / 1e6, nil
		}
	}
	return 0, errors.New("reading the memory of web: the engine gives neither total_rss nor anon")
}
