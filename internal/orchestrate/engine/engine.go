// Package engine reaches a Docker Engine: over docker contexts, DOCKER_HOST or ssh, with errors that say what to do next.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	contextdocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MinimumAPI is the oldest Engine API version that stackctl is tested with: that of Docker Engine 20.10.
const MinimumAPI = "1.41"

// connectTimeout bounds the first exchange with the engine. ssh needs the longest: it may have to log in.
const connectTimeout = 15 * time.Second

// defaultLimit is Target.Limit where that is 0.
const defaultLimit = time.Minute

// Target says which engine is meant; at most one of the two may be set.
type Target struct {
	Context string // a docker context; "" means DOCKER_CONTEXT, else the current one
	Host    string // an engine's address such as unix:///run/docker.sock or ssh://user@host; "" means DOCKER_HOST
	// Limit bounds each call that should take well below a second; a busy engine may need longer. 0 is a minute.
	Limit time.Duration
}

// Engine is a connection to a Docker Engine that has answered.
type Engine struct {
	*client.Client
	// Context is the docker context's name.
	Context string
	// Address is where the engine is, as the user would write it.
	Address string
	// Limit bounds each call, see Target.
	Limit time.Duration
	// API is the negotiated API version.
	API string
	// OS is the operating system of the engine's containers, such as linux.
	OS string
	// Builder is the builder that the engine prefers; DOCKER_BUILDKIT=0 asks for the classic one.
	Builder build.BuilderVersion
}

// Connect reaches the engine and negotiates the API version. Its errors say what to do next; where the engine is to blame they are *Error.
func Connect(ctx context.Context, target Target) (*Engine, error) {
	name, address, opts, err := resolve(target)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(target.Limit, defaultLimit)
	api, err := newClient(limit, opts...)
	if err != nil {
		return nil, &Error{Address: address, Err: err, Next: "check DOCKER_HOST, or the context with `docker context inspect`"}
	}
	if address == "" {
		address = api.DaemonHost()
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	ping, err := api.Ping(ctx)
	if err != nil {
		_ = api.Close()
		return nil, Explain(ctx, address, err)
	}
	if ping.APIVersion == "" {
		_ = api.Close()
		return nil, &Error{Address: address, Err: errors.New("what answers there is no Docker engine"), Next: "check the address, or name another with --host or --context"}
	}
	if versions.LessThan(ping.APIVersion, MinimumAPI) {
		_ = api.Close()
		return nil, &Error{
			Address: address,
			Err:     fmt.Errorf("its API version is %s, stackctl needs %s (Docker Engine 20.10)", ping.APIVersion, MinimumAPI),
			Next:    "upgrade the engine, or choose another with --context or --host",
		}
	}
	api.NegotiateAPIVersionPing(ping)
	return &Engine{Client: api, Context: name, Address: address, Limit: limit, API: api.ClientVersion(), OS: ping.OSType, Builder: builderOf(ping.BuilderVersion)}, nil
}

func builderOf(preferred build.BuilderVersion) build.BuilderVersion {
	if os.Getenv("DOCKER_BUILDKIT") == "0" {
		return build.BuilderV1
	}
	return preferred
}

// ImageBuild builds with the engine's preferred builder.
func (e *Engine) ImageBuild(ctx context.Context, content io.Reader, options build.ImageBuildOptions) (build.ImageBuildResponse, error) {
	options.Version = e.Builder
	return e.Client.ImageBuild(ctx, content, options)
}

// startIntervalAPI is the oldest API version that knows a healthcheck's start interval.
const startIntervalAPI = "1.44"

// ContainerCreate leaves a healthcheck's start interval out where the engine does not know it: there it looks once an interval.
func (e *Engine) ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig, platform *ocispec.Platform, name string) (container.CreateResponse, error) {
	if config.Healthcheck != nil && config.Healthcheck.StartInterval != 0 && versions.LessThan(e.API, startIntervalAPI) {
		copied, check := *config, *config.Healthcheck
		check.StartInterval = 0
		copied.Healthcheck = &check
		config = &copied
	}
	created, err := e.Client.ContainerCreate(ctx, config, host, networking, platform, name)
	if err == nil && created.ID == "" {
		err = oddAnswer("POST /containers/create", "it has no ID")
	}
	return created, understood("POST /containers/create", err)
}

// newClient is the one place where a client is constructed.
func newClient(limit time.Duration, opts ...client.Opt) (*client.Client, error) {
	var web *http.Client
	ours := func(c *client.Client) error { // a copy that we hold, since the client keeps its own to itself
		web = c.HTTPClient()
		return client.WithHTTPClient(web)(c)
	}
	c, err := client.NewClientWithOpts(append(opts, client.WithUserAgent("stackctl"), ours)...)
	if err != nil {
		return nil, err
	}
	web.Transport = &answers{web.Transport, limit} // last: the options and the client look for a plain transport
	return c, nil
}

// Local reports whether ports published on 127.0.0.1 of the engine's machine are reachable from here.
func (e *Engine) Local() bool {
	scheme, rest, _ := strings.Cut(e.Address, "://")
	if scheme != "tcp" {
		return scheme == "unix" || scheme == "npipe"
	}
	address, err := url.Parse("tcp://" + rest)
	return err == nil && slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, address.Hostname())
}

// resolve follows the docker CLI's order: flag, DOCKER_HOST, DOCKER_CONTEXT, the configuration's current context.
func resolve(target Target) (name, address string, opts []client.Opt, err error) {
	if target.Context != "" && target.Host != "" {
		return "", "", nil, errors.New("checking flags: --context and --host exclude each other; give one")
	}
	host := target.Host
	if host == "" && target.Context == "" {
		host = os.Getenv(client.EnvOverrideHost)
	}
	name = contextName(target.Context, host)
	if name == defaultContext {
		opts, err = hostOptions(host)
		return name, host, opts, err
	}
	endpoint, err := loadContext(name)
	if err != nil {
		return "", "", nil, fmt.Errorf("reading docker context %q: %w; `docker context ls` lists them", name, err)
	}
	opts, err = endpoint.ClientOpts()
	return name, endpoint.Host, opts, err
}

const defaultContext = "default"

func contextName(flag, host string) string {
	switch {
	case flag != "":
		return flag
	case host != "":
		return defaultContext
	case os.Getenv("DOCKER_CONTEXT") != "":
		return os.Getenv("DOCKER_CONTEXT")
	}
	file, err := config.Load(config.Dir())
	if err != nil || file.CurrentContext == "" {
		return defaultContext
	}
	return file.CurrentContext
}

func contextStore() *store.ContextStore {
	endpointMeta := store.EndpointTypeGetter(contextdocker.DockerEndpoint, func() any { return &contextdocker.EndpointMeta{} })
	return store.New(config.ContextStoreDir(), store.NewConfig(func() any { return &map[string]any{} }, endpointMeta))
}

func loadContext(name string) (contextdocker.Endpoint, error) {
	contexts := contextStore()
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return contextdocker.Endpoint{}, err
	}
	endpoint, err := contextdocker.EndpointFromContext(metadata)
	if err != nil {
		return contextdocker.Endpoint{}, err
	}
	return contextdocker.WithTLSData(contexts, name, endpoint)
}

// Contexts lists the names of the docker contexts, for completion.
func Contexts() []string {
	names, err := store.Names(contextStore())
	if err != nil {
		return []string{defaultContext}
	}
	return append([]string{defaultContext}, names...)
}

func hostOptions(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil {
		return nil, &Error{Address: host, Err: err, Next: "write it as ssh://user@host[:port]"}
	}
	if helper != nil {
		transport := &http.Transport{DialContext: helper.Dialer}
		return []client.Opt{
			client.WithHTTPClient(&http.Client{Transport: transport}),
			client.WithHost(helper.Host),
			client.WithDialContext(helper.Dialer),
		}, nil
	}
	if host == "" { // of --context default
		return []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithHostFromEnv()}, nil
	}
	return []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithHost(host)}, nil
}
