package waf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stackctl.dev/stackctl/bench/rig"
)

// errNotThere says that this machine lacks a contender.
var errNotThere = errors.New("not there")

const nginxModule = "usr/lib/nginx/modules/ngx_http_modsecurity_module.so"

// nginxConf has the placeholders folder, module's directive, address, ModSecurity's directives, upstream.
const nginxConf = `
worker_processes 1;
pid %[1]s/nginx.pid;
%[2]s
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	upstream web { server %[5]s; keepalive 16; }
	server {
		listen %[3]s;
		keepalive_requests 1000000;
		%[4]s
		location / {
			proxy_pass http://web;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
		}
	}
}
`

// modSecurityConf is Debian's recommended configuration as the firewall's tier has it. The placeholder is the packages' root.
const modSecurityConf = `
SecRuleEngine On
SecAuditEngine Off
SecDebugLogLevel 0
SecRequestBodyAccess On
SecRequestBodyLimit 65537
SecRequestBodyNoFilesLimit 65537
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit 65537
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400"
Include %[1]s/etc/modsecurity/crs/crs-setup.conf
Include %[1]s/usr/share/modsecurity-crs/rules/*.conf
`

// startNginx starts the nginx of Debian's packages below root, with ModSecurity or without.
func startNginx(ctx context.Context, r *rig.Rig, upstream, root string, guarded bool) (*contender, error) {
	name, load, rules := plain, "", ""
	if guarded {
		module := filepath.Join(root, nginxModule)
		if _, err := os.Stat(module); err != nil {
			return nil, fmt.Errorf("%w: `apt-get install libnginx-mod-http-modsecurity modsecurity-crs`, or -modsecurity names a folder of the unpacked packages", errNotThere)
		}
		file, err := r.TempFile("modsecurity.conf", fmt.Appendf(nil, modSecurityConf, strings.TrimSuffix(root, "/")))
		if err != nil {
			return nil, err
		}
		name, load, rules = modSecurity, "load_module "+module+";", "modsecurity on; modsecurity_rules_file "+file+";"
	}
	id := map[bool]string{false: "plain", true: "modsecurity"}[guarded]
	dir := filepath.Join(r.Dir, "nginx-"+id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	addr, err := free(ctx)
	if err != nil {
		return nil, err
	}
	conf, err := r.TempFile("nginx-"+id+".conf", fmt.Appendf(nil, nginxConf, dir, load, addr, rules, upstream))
	if err != nil {
		return nil, err
	}
	program, env := nginxBelow(root)
	options := "daemon off;"
	if os.Getuid() == 0 {
		options += " user root;"
	}
	return startProcess(ctx, name, addr, env, program, "-e", "stderr", "-c", conf, "-g", options)
}

// nginxBelow finds the nginx of the packages' root, or this machine's, or that of scripts/host-programs.
func nginxBelow(root string) (program string, env []string) {
	roots := []string{root, "/"}
	if cache, err := os.UserCacheDir(); err == nil {
		roots = append(roots, filepath.Join(cache, "stackctl", "host"))
	}
	for _, root := range roots {
		program = filepath.Join(root, "usr/sbin/nginx")
		if _, err := os.Stat(program); err == nil && root != "" {
			libs, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
			return program, append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libs, ":"))
		}
	}
	return "nginx", os.Environ()
}

func startWAF(ctx context.Context, r *rig.Rig, upstream string) (*contender, error) {
	addr, err := free(ctx)
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "WAF_UPSTREAM="+upstream, "LISTEN_ADDR="+addr, "METRICS_ADDR=127.0.0.1:0", "GOMAXPROCS=1")
	c, err := startProcess(ctx, "stackctl", addr, env, r.Binary, "waf")
	if err == nil {
		c.header = []string{"X-Request-Id", "0f5a2a7f6c4c1d6f5f0e9b8a7c6d5e4f", "X-Real-Ip", "172.20.0.1", "X-Forwarded-For", "172.20.0.1", "X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "http"}
	}
	return c, err
}

func startProcess(ctx context.Context, name, addr string, env []string, program string, args ...string) (*contender, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // nginx's master ends its worker
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	c := &contender{name: name, addr: addr, spent: func() (time.Duration, error) { return spentBy(cmd.Process.Pid) }}
	c.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c, conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			c.stop()
			return nil, fmt.Errorf("waiting for %s: %w: %s", name, err, strings.TrimSpace(said.String()))
		}
		<-ticker.C
	}
}

func free(ctx context.Context) (string, error) {
	var open net.ListenConfig
	ln, err := open.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// ticks of /proc are hundredths of a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// spentBy is the processor time of a process and its children, user and system.
func spentBy(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the processor time of process %d: %q", pid, stat)
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	sum := time.Duration(user+system) * tick
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		id, _ := strconv.Atoi(child)
		spent, err := spentBy(id)
		if err != nil {
			return 0, err
		}
		sum += spent
	}
	return sum, nil
}
