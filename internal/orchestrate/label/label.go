// Package label names the labels of containers, networks, volumes and images: the only state there is.
package label

// Those of docker compose (its pkg/api/labels.go) make the stack look like its own
// to `docker compose`, Docker Desktop and every tool that reads them.
const (
	Project         = "com.docker.compose.project"
	Service         = "com.docker.compose.service"
	ContainerNumber = "com.docker.compose.container-number" // from 1
	OneOff          = "com.docker.compose.oneoff"           // "True" or "False"
	ConfigHash      = "com.docker.compose.config-hash"      // see stack.Hash
	Image           = "com.docker.compose.image"            // the image's config ID
	DependsOn       = "com.docker.compose.depends_on"       // service:condition:restart, comma separated
	WorkingDir      = "com.docker.compose.project.working_dir"
	ConfigFiles     = "com.docker.compose.project.config_files"
	Version         = "com.docker.compose.version"
	Network         = "com.docker.compose.network"
	Volume          = "com.docker.compose.volume"

	// Fields holds stack.Fields as JSON, so that a later plan can name what changed.
	Fields = "dev.stackctl.fields"
	// Folders lists the folders that are anonymous volumes because a container's configs are written there, as JSON.
	Folders = "dev.stackctl.folders"
	// Ready is on the container that is asked whether the stack works: "port/path".
	Ready = "dev.stackctl.ready"
	// StorePort is on the container of the stack's Redis: its port.
	StorePort = "dev.stackctl.store"
	// StoreUser is on the container of the stack's Redis if commands have to log in there: as whom.
	StoreUser = "dev.stackctl.store.user"
	// StoreSecret is beside StoreUser if the password is generated: the secret's name in the vault.
	StoreSecret = "dev.stackctl.store.secret"
	// StorePassword is on containers that have the password of StoreUser, if it is not generated: the path of the file.
	StorePassword = "dev.stackctl.store.password"
	// Tunnel is on containers that carry stackctl and through which the store is reached.
	Tunnel = "dev.stackctl.tunnel"
	// Helper is on containers that stackctl runs for itself, for as long as a command of its own lasts; its value says
	// what for. No list shows them but `ps --all`.
	Helper = "dev.stackctl.helper"
	// Front is on containers that stand before others and are stopped first.
	Front = "dev.stackctl.front"
	// Healthcheck is "harmless" on containers whose healthcheck has no effects, so that stackctl may run it, too.
	Healthcheck = "dev.stackctl.healthcheck"
	// Addresses is "fixed" on networks whose containers get fixed addresses.
	Addresses = "dev.stackctl.addresses"
	// Kept is the project of a container that is never started, and so keeps what labels alone cannot: an earlier
	// revision of a service, or the project's history. Such a container is not labelled as the project's own, so that no
	// tool takes it for a replica.
	Kept = "dev.stackctl.kept"
	// Vault is on the kept container that holds generated secrets: their SHA-256 by name, the newest of each first, as JSON.
	Vault = "dev.stackctl.vault"
	// Revision is the number of the revision that a kept container is, from 1.
	Revision = "dev.stackctl.revision"
	// RevisionImage is the image reference that a kept revision was made of; its container is made of the image's ID,
	// since a reference may mean another image by now.
	RevisionImage = "dev.stackctl.revision.image"
	// History holds the project's history as JSON, the oldest entry first; see Entry.
	History = "dev.stackctl.history"
	// Settings holds what was chosen of the embedded stack as JSON; see stack.Settings.
	Settings = "dev.stackctl.settings"
	// Feature is on containers of services that a feature adds: its name.
	Feature = "dev.stackctl.feature"
	// URL is on the container through which the stack is used, if that is not the one with Ready: "scheme/port".
	URL = "dev.stackctl.url"
	// HostFor is on images made from the host's programs: the image reference they stand in for.
	HostFor = "dev.stackctl.host-for"
)

// ComposeVersion goes into Version: tools show it, none decides on it.
const ComposeVersion = "stackctl"
