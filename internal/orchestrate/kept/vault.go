package kept

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// Vault is the container that holds a project's generated secrets, each in a file that its owner alone may read. While a rotation is
// under way, it holds two passwords of each.
type Vault struct {
	ID, Name string
	Number   int
	Hashes   map[string][]string // SHA-256 of the passwords by the secret's name, the newest of each first
}

// Rotating reports whether a rotation is under way, or was interrupted.
func (v *Vault) Rotating() bool {
	for _, hashes := range v.Hashes {
		if len(hashes) > 1 {
			return true
		}
	}
	return false
}

// vaultFolder is where the files are; a vault has no other.
const vaultFolder = "/vault"

// vaultName matches the name of a vault that has its files, without the project's name. Before that, it has another one.
var vaultName = regexp.MustCompile(`^-vault-([0-9]+)$`)

// fileOf is where a secret's password is: the newest is number 0.
func fileOf(secret string, number int) string {
	if number > 0 {
		secret += "." + strconv.Itoa(number)
	}
	return path.Join(vaultFolder, secret)
}

// VaultOf returns the project's newest complete vault, or nil if there is none.
func VaultOf(o *observe.Observed) *Vault {
	var newest *Vault
	for _, c := range o.Kept {
		number := vaultName.FindStringSubmatch(strings.TrimPrefix(c.Name, o.Project))
		if c.Labels[label.Vault] == "" || number == nil {
			continue
		}
		v := &Vault{ID: c.ID, Name: c.Name}
		v.Number, _ = strconv.Atoi(number[1])
		if json.Unmarshal([]byte(c.Labels[label.Vault]), &v.Hashes) == nil && (newest == nil || v.Number > newest.Number) {
			newest = v
		}
	}
	return newest
}

// vaultKeeper makes, fills and removes vaults.
type vaultKeeper interface {
	keeper
	ContainerRename(ctx context.Context, id, name string) error
	CopyToContainer(ctx context.Context, id, path string, content io.Reader, options container.CopyToContainerOptions) error
}

// Secrets are passwords by the secret's name, the newest of each first.
type Secrets map[string][]string

// Hashes are the SHA-256 of the passwords.
func (s Secrets) Hashes() map[string][]string {
	hashes := map[string][]string{}
	for name, passwords := range s {
		for _, password := range passwords {
			hashes[name] = append(hashes[name], stack.HashPassword(password))
		}
	}
	return hashes
}

// Newest are the passwords that are in use.
func (s Secrets) Newest() map[string]string {
	newest := map[string]string{}
	for name, passwords := range s {
		newest[name] = passwords[0]
	}
	return newest
}

// Read reads the passwords. That takes the engine some 50 ms: it starts a process for that.
func (v *Vault) Read(ctx context.Context, r observe.Reader) (Secrets, error) {
	archive, _, err := r.CopyFromContainer(ctx, v.ID, vaultFolder)
	if err != nil {
		return nil, fmt.Errorf("reading the passwords in container %q: %w", v.Name, err)
	}
	defer archive.Close()
	found := map[string]string{}
	tr := tar.NewReader(io.LimitReader(archive, maxVault))
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the passwords in container %q: %w", v.Name, err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("reading the passwords in container %q: %w", v.Name, err)
		}
		found[path.Join(path.Dir(vaultFolder), header.Name)] = string(content)
	}
	secrets := Secrets{}
	for name, hashes := range v.Hashes {
		for number, hash := range hashes {
			password := found[fileOf(name, number)]
			if stack.HashPassword(password) != hash {
				return nil, fmt.Errorf("reading the password %q in container %q: it is not what was written there; remove that container (docker rm %s) and run `stackctl up`, which makes new passwords", name, v.Name, v.Name)
			}
			secrets[name] = append(secrets[name], password)
		}
	}
	return secrets, nil
}

// PasswordFile returns which container has the password that the commands log in to the store with, and where: the vault if it is
// generated, else a container of the project. The name is "" if there is none.
func PasswordFile(o *observe.Observed) (name, file string) {
	vault := VaultOf(o)
	for _, c := range o.Containers {
		secret := c.Labels[label.StoreSecret]
		switch {
		case c.OneOff:
		case secret != "" && vault != nil && len(vault.Hashes[secret]) > 0:
			return vault.Name, fileOf(secret, 0)
		case c.Labels[label.StorePassword] != "":
			return c.Name, c.Labels[label.StorePassword]
		}
	}
	return "", ""
}

// generated matches a generated password.
var generated = regexp.MustCompile(fmt.Sprintf(`^[0-9a-f]{%d}$`, stack.PasswordBytes))

// PasswordIn returns the generated password in a file of a container, or "" if it has none.
func PasswordIn(ctx context.Context, r observe.Reader, c observe.Container, file string) (string, error) {
	content, err := configs.ReadFile(ctx, r, c.ID, file)
	switch {
	case errdefs.IsNotFound(err), err == nil && !generated.MatchString(content):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading %q in container %q: %w", file, c.Name, err)
	}
	return content, nil
}

// maxVault bounds what is read of a vault, in bytes.
const maxVault = 1 << 20

// StoreIn puts secrets into a new vault and removes the one before. It returns the vault that is there then: another machine may have been
// first, and then its vault is the one. The image is any that the engine has.
func StoreIn(ctx context.Context, w vaultKeeper, project, image string, secrets Secrets, before *Vault) (*Vault, error) {
	encoded, err := json.Marshal(secrets.Hashes())
	if err != nil {
		return nil, err
	}
	v := &Vault{Number: 1, Hashes: secrets.Hashes()}
	if before != nil {
		v.Number = before.Number + 1
	}
	v.Name = fmt.Sprintf("%s-vault-%d", project, v.Number)
	labels := map[string]string{label.Kept: project, label.Vault: string(encoded)}
	config := &container.Config{Image: image, Labels: labels, Cmd: []string{"none"}}
	filling := fmt.Sprintf("%s.%s", v.Name, stack.NewPassword()[:8])
	created, err := w.ContainerCreate(ctx, config, &container.HostConfig{NetworkMode: "none"}, &network.NetworkingConfig{}, nil, filling)
	if err != nil {
		return nil, fmt.Errorf("creating container %q: %w", v.Name, err)
	}
	v.ID = created.ID
	if err := fill(ctx, w, v.ID, secrets); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the passwords into container %q: %w", v.Name, err), remove(ctx, w, v.ID))
	}
	renamed := w.ContainerRename(ctx, v.ID, v.Name)
	now, err := All(ctx, w, project)
	if err != nil {
		return nil, err
	}
	current := VaultOf(now)
	if current == nil || current.Number < v.Number {
		return nil, fmt.Errorf("naming container %q: %w", v.Name, errors.Join(renamed, remove(ctx, w, v.ID)))
	}
	for _, c := range now.Kept {
		if c.Labels[label.Vault] != "" && c.ID != current.ID {
			err = errors.Join(err, remove(ctx, w, c.ID))
		}
	}
	return current, err
}

// fill writes the secrets' files.
func fill(ctx context.Context, w vaultKeeper, id string, secrets Secrets) error {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		for number, password := range secrets[name] {
			header := &tar.Header{
				Name: strings.TrimPrefix(fileOf(name, number), "/"), Mode: 0o400, Size: int64(len(password)), Typeflag: tar.TypeReg,
				ModTime: time.Unix(configs.StampOf(password).Time, 0),
			}
			if err := tw.WriteHeader(header); err != nil {
				return err
			}
			if _, err := io.WriteString(tw, password); err != nil {
				return err
			}
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return w.CopyToContainer(ctx, id, "/", &archive, container.CopyToContainerOptions{})
}

func remove(ctx context.Context, w keeper, id string) error {
	return observe.IgnoreGone(w.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true}))
}
