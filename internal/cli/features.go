package cli

import (
	"cmp"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/prometheus"
	"stackctl.dev/stackctl/internal/stack"
)

// withVariable names features to turn on, for scripts.
const withVariable = "STACKCTL_WITH"

// limitsFeature is what `--rate off` turns off.
const limitsFeature = "limits"

// Chosen are the flags that choose what the embedded stack has besides its three tiers.
type Chosen struct {
	With, Without []string
	Variables     map[string]string
	values        map[string]*string
}

// AddChosen adds them to a command.
func AddChosen(cmd *cobra.Command) *Chosen {
	c := &Chosen{values: map[string]*string{}}
	flags := cmd.Flags()
	flags.StringSliceVar(&c.With, "with", nil, "turn features on, such as tls,waf; `stackctl features` lists them (the variable "+withVariable+")")
	flags.StringSliceVar(&c.Without, "without", nil, "turn features off")
	for _, name := range []string{"with", "without"} {
		_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			features, _ := stack.Features(assets.FS)
			var names []string
			for _, f := range features {
				if !f.Hidden {
					names = append(names, f.Name+"\t"+f.Summary)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		})
	}
	for _, choice := range stack.Choices {
		c.values[choice.Flag] = flags.String(choice.Flag, "", choice.Usage)
	}
	return c
}

// Read checks the flags and fills With, Without and Variables.
func (c *Chosen) Read(flags *pflag.FlagSet) error {
	if c.With == nil {
		c.With = strings.FieldsFunc(os.Getenv(withVariable), func(r rune) bool { return r == ',' || r == ' ' })
	}
	c.Variables = map[string]string{}
	for _, choice := range stack.Choices {
		value := *c.values[choice.Flag]
		if !flags.Changed(choice.Flag) {
			continue
		}
		if value == "" { // back to the default
			if choice.Flag == webhookFlag {
				c.Without = append(c.Without, alertingFeature)
			}
			c.Variables[choice.Variable] = ""
			continue
		}
		if choice.Flag == "rate" {
			if value == "off" {
				c.Without = append(c.Without, limitsFeature)
				c.Variables[choice.Variable] = ""
				continue
			}
			c.With = append(c.With, limitsFeature)
		}
		if choice.Flag == webhookFlag {
			if err := checkWebhook(value); err != nil {
				return err
			}
			c.With = append(c.With, prometheus.Feature, alertingFeature)
		}
		if slices.Contains([]string{"tls-cert", "tls-key", "waf-exclusions", "alert-webhook"}, choice.Flag) {
			if absolute, err := filepath.Abs(value); err == nil {
				value = absolute
			}
		}
		if err := choice.Check(value); err != nil {
			return Wrong("checking --%s: %s", choice.Flag, strings.TrimPrefix(err.Error(), "checking "))
		}
		if choice.Flag == "bind" && strings.Contains(value, ":") {
			value = "[" + strings.Trim(value, "[]") + "]"
		}
		c.Variables[choice.Variable] = value
	}
	if slices.Contains(c.Without, prometheus.Feature) && c.Variables[webhookVariable] == "" { // there would be nothing to send
		c.Without = append(c.Without, alertingFeature)
		c.Variables[webhookVariable] = ""
	}
	if err := c.readTLS(); err != nil {
		return err
	}
	if i := slices.IndexFunc(c.With, func(name string) bool { return slices.Contains(c.Without, name) }); i >= 0 {
		return Wrong("checking flags: feature %q is to be turned on and off", c.With[i])
	}
	return nil
}

// What sends alerts.
const (
	alertingFeature = "alerting"
	webhookFlag     = "alert-webhook"
	webhookVariable = "STACKCTL_ALERT_WEBHOOK"
)

// maxURL bounds the file with a URL, in bytes.
const maxURL = 4 << 10

// checkWebhook checks the file before anything is started. The URL itself, which may have a token, is in no flag: flags are kept where
// everyone who reaches the engine reads them.
func checkWebhook(file string) error {
	if strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return Wrong("checking --%s: a URL may have a token, which others would see; write it into a file, and give the name of that", webhookFlag)
	}
	if info, err := os.Stat(file); err == nil && info.Size() > maxURL {
		return Wrong("checking --%s %q: it has %d bytes; write one URL into it", webhookFlag, file, info.Size())
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return Wrong("checking --%s: %w", webhookFlag, err)
	}
	text := strings.TrimSpace(string(content))
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(text, "'\"\\ \t\r\n{}") {
		return Wrong("checking --%s %q: it has to have one URL, which begins with https:// or http://, without quotes and spaces", webhookFlag, file)
	}
	return nil
}

// readTLS derives the issuer from the other flags, and checks a pair of the user's before anything is started.
func (c *Chosen) readTLS() error {
	cert, key, names := c.Variables["STACKCTL_TLS_CERT"], c.Variables["STACKCTL_TLS_KEY"], c.Variables["STACKCTL_TLS_NAMES"]
	if (cert == "") != (key == "") {
		return Wrong("checking flags: --tls-cert and --tls-key belong together")
	}
	issuer := c.Variables["STACKCTL_TLS_ISSUER"]
	switch {
	case cert != "":
		if issuer = cmp.Or(issuer, certificate.Files); issuer != certificate.Files {
			return Wrong("checking flags: --tls-cert is for --tls-issuer files")
		}
		wanted := strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
		if _, err := certificate.ReadFiles(cert, key, wanted, time.Now()); err != nil {
			return Wrong("%s", err)
		}
	case names != "" && issuer == "":
		issuer = certificate.ACME
	case issuer == certificate.ACME && names == "":
		return Wrong("checking flags: --tls-issuer acme needs --domain")
	}
	if issuer != "" {
		c.Variables["STACKCTL_TLS_ISSUER"] = issuer
		c.With = append(c.With, "tls")
	}
	return nil
}

// Settings are what is chosen where nothing else was.
func (c *Chosen) Settings() (stack.Settings, error) {
	features, err := stack.Features(assets.FS)
	if err != nil {
		return stack.Settings{}, err
	}
	if err := cmp.Or(stack.CheckKnown(features, c.With), stack.CheckKnown(features, c.Without)); err != nil {
		return stack.Settings{}, err
	}
	return stack.Settings{}.Changed(features, c.With, c.Without, maps.Clone(c.Variables)), nil
}
