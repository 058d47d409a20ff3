package stack

import (
	"cmp"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are what can be chosen of the embedded stack besides its port and replicas.
type Settings struct {
	// With are the features that are on; nil are those that are by default.
	With []string `json:"with"`
	// Variables are those of the Compose files that were chosen, by name.
	Variables map[string]string `json:"variables,omitempty"`
}

// What a maintenance is: a feature, and variables of nginx.conf.
const (
	MaintenanceFeature    = "maintenance"
	MaintenanceMessage    = "STACKCTL_MAINTENANCE_MESSAGE"
	MaintenanceRetryAfter = "STACKCTL_MAINTENANCE_RETRY_AFTER"
	MaintenanceAllow      = "STACKCTL_MAINTENANCE_ALLOW"
	MaintenanceHold       = "STACKCTL_MAINTENANCE_HOLD"
)

// What lets requests wait during a maintenance: a feature, and its service.
const (
	HoldFeature = "hold"
	HoldService = "hold"
)

// Maintenance reports whether there is a maintenance, and what visitors are told.
func (s Settings) Maintenance() (message string, on bool) {
	message = cmp.Or(s.Variables[MaintenanceMessage], "We will be back soon.")
	return message, slices.Contains(s.With, MaintenanceFeature)
}

// Hold is how long requests may wait during a maintenance; 0 is not at all.
func (s Settings) Hold() time.Duration {
	if !slices.Contains(s.With, HoldFeature) {
		return 0
	}
	d, _ := time.ParseDuration(s.Variables[MaintenanceHold]) // it was checked when it was set
	return d
}

// Choice is a variable of the embedded stack that a flag of `up` sets, and that a running stack keeps.
type Choice struct {
	Variable, Flag, Usage string
	// Check returns an error for a value that the stack cannot use; nil takes any.
	Check func(value string) error
}

// Choices lists them.
var Choices = []Choice{
	{"STACKCTL_BIND", "bind", "publish the stack on this address, such as 0.0.0.0 for all of the machine (default 127.0.0.1)", checkBind},
	{"STACKCTL_TLS_PORT", "tls-port", "publish HTTPS on this port, with the feature tls (default 5443)", checkPort},
	{"STACKCTL_TLS_ISSUER", "tls-issuer", "where the certificate of the feature tls is from: internal, files or acme (default internal)", oneOf("internal", "files", "acme")},
	{"STACKCTL_TLS_CERT", "tls-cert", "file of your certificate and those that signed it, in PEM form; it turns tls on", checkPath},
	{"STACKCTL_TLS_KEY", "tls-key", "file of its private key, in PEM form", checkPath},
	{"STACKCTL_TLS_NAMES", "domain", "names that the certificate is for, separated by commas; it turns tls on, with a certificate by ACME", checkNames},
	{"STACKCTL_ACME_EMAIL", "email", "address for the notices of the ACME issuer", checkEmail},
	{"STACKCTL_ACME_DIRECTORY", "acme-directory", "URL of the ACME issuer (default Let's Encrypt's)", checkHTTPS},
	{"STACKCTL_RATE", "rate", "how many requests a second a client may send, or off (default 50)", checkRate},
	{"STACKCTL_TRUSTED_PROXY", "trusted-proxy", "take clients' addresses from X-Forwarded-For of these proxies, as networks separated by commas", checkNetworks},
	{"STACKCTL_GRAFANA_PORT", "grafana-port", "publish Grafana on this port of 127.0.0.1, with the feature monitoring (default 3000)", checkPort},
	{"STACKCTL_WAF_MODE", "waf", "what the feature waf does with attacks: detect or block (default block)", oneOf("detect", "block")},
	{"STACKCTL_WAF_PARANOIA", "waf-paranoia", "paranoia level of the feature waf, 1 to 4 (default 1)", oneOf("1", "2", "3", "4")},
	{"STACKCTL_ALERT_WEBHOOK", "alert-webhook", "file with the URL that alerts are sent to; it turns monitoring on", checkPath},
	{"STACKCTL_WAF_EXCLUSIONS", "waf-exclusions", "file of directives for the feature waf, such as rules to leave out", checkPath},
}

// ChoiceOf returns the choice of a flag.
func ChoiceOf(flag string) (Choice, bool) {
	i := slices.IndexFunc(Choices, func(c Choice) bool { return c.Flag == flag })
	if i < 0 {
		return Choice{}, false
	}
	return Choices[i], true
}

// Equal reports whether two settings are the same.
func (s Settings) Equal(other Settings) bool {
	return (s.With == nil) == (other.With == nil) && slices.Equal(s.With, other.With) && maps.Equal(s.Variables, other.Variables) // nil maps are equal to empty ones
}

// Changed returns the settings with features turned on and off and with other variables; an empty value goes back to the default.
func (s Settings) Changed(features []Feature, with, without []string, variables map[string]string) Settings {
	defaults := DefaultFeatures(features)
	names := s.With
	if names == nil {
		names = defaults
	}
	names = slices.DeleteFunc(append(slices.Clone(names), with...), func(name string) bool { return slices.Contains(without, name) })
	slices.Sort(names)
	changed := Settings{With: append([]string{}, slices.Compact(names)...), Variables: maps.Clone(s.Variables)}
	if slices.Equal(changed.With, defaults) {
		changed.With = nil
	}
	for name, value := range variables {
		if changed.Variables == nil {
			changed.Variables = map[string]string{}
		}
		changed.Variables[name] = value
	}
	maps.DeleteFunc(changed.Variables, func(_, value string) bool { return value == "" })
	if len(changed.Variables) == 0 {
		changed.Variables = nil
	}
	return changed
}

// Flags are those of `up` that choose the settings on a stack that has the default ones.
func (s Settings) Flags(features []Feature) (flags []string) {
	defaults := DefaultFeatures(features)
	for _, f := range features {
		on := s.With == nil && f.Default || slices.Contains(s.With, f.Name)
		switch {
		case f.Hidden:
		case on && !f.Default:
			flags = append(flags, "--with "+f.Name)
		case !on && slices.Contains(defaults, f.Name):
			flags = append(flags, "--without "+f.Name)
		}
	}
	for _, c := range Choices {
		if value := s.Variables[c.Variable]; value != "" {
			flags = append(flags, "--"+c.Flag+" "+value)
		}
	}
	return flags
}

func checkBind(value string) error {
	address, err := netip.ParseAddr(strings.Trim(value, "[]"))
	if err != nil || address.Zone() != "" {
		return fmt.Errorf("checking address %q: use one of this machine's, such as 127.0.0.1, 0.0.0.0 or [::]", value)
	}
	return nil
}

func checkPort(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("checking port %q: use 1 to 65535", value)
	}
	return nil
}

func checkPath(value string) error {
	if !filepath.IsAbs(value) || strings.ContainsAny(value, "${}\n") {
		return fmt.Errorf("checking file %q: use the path of a file, without $ { }", value)
	}
	return nil
}

func checkNames(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		_, err := netip.ParseAddr(name)
		if err != nil && !domainName.MatchString(name) {
			return fmt.Errorf("checking name %q: use one such as www.example.org", name)
		}
	}
	return nil
}

// domainName matches names that a certificate may have.
var domainName = regexp.MustCompile(`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func checkEmail(value string) error {
	if address, err := mail.ParseAddress(value); err != nil || address.Address != value {
		return fmt.Errorf("checking address %q: use one such as admin@example.org", value)
	}
	return nil
}

func checkHTTPS(value string) error {
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("checking URL %q: it must begin with https://", value)
	}
	return nil
}

func checkRate(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 1000000 {
		return fmt.Errorf("checking rate %q: use a number of requests a second, or off", value)
	}
	return nil
}

func checkNetworks(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		if _, err := netip.ParsePrefix(part); err != nil {
			if _, err := netip.ParseAddr(part); err != nil {
				return fmt.Errorf("checking network %q: use an address or a network such as 192.0.2.0/24", part)
			}
		}
	}
	return nil
}

func oneOf(values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return fmt.Errorf("checking %q: use %s", value, strings.Join(values, ", "))
		}
		return nil
	}
}
