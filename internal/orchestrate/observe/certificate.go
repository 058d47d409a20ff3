package observe

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containerd/errdefs"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

const (
	// CertsService is the service of the certs tier.
	CertsService = "certs"
	certsFolder  = "/certs" // where it has its volume
	// rootFile is the certificate of the project's own authority.
	rootFile = "root.pem"
)

// certsTier returns the name of the certs tier's container; "" if the feature tls is off.
func (o *Observed) certsTier() string {
	for _, c := range o.Of(CertsService) {
		if c.Labels[label.Feature] == "tls" {
			return c.Name
		}
	}
	return ""
}

// Certificate returns the state of the stack's certificate. ok is false if the feature tls is off, or if there is none yet.
func (o *Observed) Certificate(ctx context.Context, r Reader) (status certificate.Status, ok bool, err error) {
	name := o.certsTier()
	if name == "" {
		return status, false, nil
	}
	content, err := configs.ReadFile(ctx, r, name, certsFolder+"/"+certificate.StatusFile)
	if errdefs.IsNotFound(err) {
		return status, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(content), &status)
	}
	if err != nil {
		return status, false, fmt.Errorf("reading the state of the certificate in container %q: %w", name, err)
	}
	return status, true, nil
}

// Root returns the certificate of the project's own authority, in PEM form.
func (o *Observed) Root(ctx context.Context, r Reader) (string, error) {
	name := o.certsTier()
	if name == "" {
		return "", fmt.Errorf("finding the certificates of project %q: the feature tls is off; turn it on with `stackctl up --with tls`", o.Project)
	}
	content, err := configs.ReadFile(ctx, r, name, certsFolder+"/"+rootFile)
	if errdefs.IsNotFound(err) {
		return "", fmt.Errorf("finding the authority of project %q: it has none; its certificate is from another issuer: `stackctl cert`", o.Project)
	}
	return content, err
}
