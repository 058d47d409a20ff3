package count

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/redis/go-redis/v9"
)

// startStack starts the embedded stack, and lists what is measured of it.
func (c *counting) startStack(ctx context.Context) error {
	port, err := c.Port()
	if err != nil {
		return err
	}
	c.stackctl = c.Stackctl(c.project, port)
	if _, err := c.stackctl.Output(ctx, "up"); err != nil {
		return err
	}
	hosts := map[string]string{}
	for _, service := range []string{"nginx", "web", "redis"} {
		if hosts[service], err = c.address(ctx, service); err != nil {
			return err
		}
	}
	user, password, err := c.Engine.StoreLogin(ctx, c.project)
	if err != nil {
		return err
	}
	c.redis = redis.NewClient(&redis.Options{Addr: hosts["redis"] + ":6379", Username: user, Password: password})
	published := fmt.Sprintf("http://127.0.0.1:%d", port)
	nginx, web := "http://"+hosts["nginx"]+":5002", "http://"+hosts["web"]+":5002"
	c.stages = stages(published, nginx, web)
	return nil
}

// stages are what is measured, at the addresses of nginx, by both paths, and of web.
func stages(published, nginx, web string) []stage {
	list := []stage{{replicas: 1, connections: []int{1, 64, 512}, targets: []target{
		{nginxCount, byPort, published + "/count", true},
		{nginxRoot, byPort, published + "/", false},
		{nginxCount, byBridge, nginx + "/count", true},
		{nginxRoot, byBridge, nginx + "/", false},
		{webCount, byBridge, web + "/count", true},
		{webRoot, byBridge, web + "/", false},
	}}, {replicas: 1, database: true, connections: []int{64}, targets: []target{
		{nginxCount + database, byPort, published + "/count", true},
		{nginxCount + database, byBridge, nginx + "/count", true},
	}}, {replicas: 3, connections: []int{64, 512}, targets: []target{
		{nginxCount + three, byPort, published + "/count", true},
		{nginxCount + three, byBridge, nginx + "/count", true},
	}}}
	for _, f := range features {
		list = append(list, stage{replicas: 1, connections: []int{64}, targets: []target{
			{nginxCount + with + f.name, byPort, published + "/count", true},
			{nginxCount + without + f.name, byPort, published + "/count", true},
		}, feature: f.name})
	}
	return list
}

// turn turns a feature on for what is measured with it, and else off, and waits until it has settled: Prometheus has scraped all by then.
func (c *counting) turn(ctx context.Context, feature, what string) error {
	if feature == "" {
		return nil
	}
	flag := "--without"
	if strings.HasSuffix(what, with+feature) {
		flag = "--with"
	}
	if _, err := c.stackctl.Output(ctx, "up", flag, feature); err != nil || what == "" {
		return err
	}
	_, err := c.wrk(ctx, c.stages[0].targets[0].url, 64, settle)
	return err
}

// settle is for how long there is load before a feature is measured.
const settle = 8 * time.Second

// scale runs another number of replicas of web, and lets connections be made to them.
func (c *counting) scale(ctx context.Context, replicas int) error {
	if _, err := c.stackctl.Output(ctx, "scale", fmt.Sprintf("web=%d", replicas)); err != nil {
		return err
	}
	_, err := c.wrk(ctx, c.stages[0].targets[0].url, 64, time.Second)
	return err
}

// address is that of a service's first container on its network.
func (c *counting) address(ctx context.Context, service string) (string, error) {
	info, err := c.Engine.ContainerInspect(ctx, c.project+"-"+service+"-1")
	if err != nil {
		return "", fmt.Errorf("inspecting the container of service %q: %w", service, err)
	}
	for _, endpoint := range info.NetworkSettings.Networks {
		if endpoint.IPAddress != "" {
			return endpoint.IPAddress, nil
		}
	}
	return "", fmt.Errorf("looking for the address of service %q: it has none", service)
}

// webMemory returns the web tier's memory in MB, without the page cache, which the kernel can reclaim.
func (c *counting) webMemory(ctx context.Context) (float64, error) {
	answer, err := c.Engine.ContainerStatsOneShot(ctx, c.project+"-web-1")
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
