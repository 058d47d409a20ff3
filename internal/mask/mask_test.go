package mask

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"REDIS_HOST", "redis", "redis"},
		{"REDIS_PASSWORD", "hunter2", Hidden},
		{"api_token", "x", Hidden},
		{"AWS_SECRET_ACCESS_KEY", "x", Hidden},
		{"DB_DSN", "x", Hidden},
		{"MYSQL_PWD", "x", Hidden},
		{"PWD", "/app", "/app"},
		{"PASSWORD", "", ""},
		{"REDIS_URL", "redis://user:p/w@d@redis:6379/0", "redis://user:" + Hidden + "@redis:6379/0"},
		{"REDIS_URL", "redis://:pw@redis", "redis://:" + Hidden + "@redis"},
		{"REDIS_URL", "redis://redis:6379/0", "redis://redis:6379/0"},
		{"REPO", "https://ghp_0123456789abcdef@github.com/x", "https://" + Hidden + "@github.com/x"},
		{"HOOK", "https://x/y?a=1&token=abc&b=2", "https://x/y?a=1&token=" + Hidden + "&b=2"},
	} {
		if got := Setting(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
	for _, c := range []struct{ command, want string }{
		{"redis-server|--requirepass|hunter2|--port|1", "redis-server --requirepass " + Hidden + " --port 1"},
		{"web|--password=hunter2", "web --password=" + Hidden},
		{"web|--password=a b&c", "web --password=" + Hidden},
		{"sh|-c|exec web --db-password hunter2 --port 1", "sh -c exec web --db-password " + Hidden + " --port 1"},
		{"env|TOKEN=abc|web", "env TOKEN=" + Hidden + " web"},
		{"redis-cli|-a|hunter2|ping", "redis-cli -a " + Hidden + " ping"},
		{"ls|-a|dir", "ls -a dir"},
		{"web|http://u:p@h/", "web http://u:" + Hidden + "@h/"},
	} {
		if got := Command(strings.Split(c.command, "|")); got != c.want {
			t.Errorf("%s: got %q, want %q", c.command, got, c.want)
		}
	}
}
