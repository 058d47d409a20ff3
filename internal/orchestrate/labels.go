package orchestrate

// Labels are the only state there is. Compose's own (docker/compose pkg/api/labels.go) make the stack look like theirs
// to `docker compose`, Docker Desktop and every tool that reads them.
const (
	LabelProject         = "com.docker.compose.project"
	LabelService         = "com.docker.compose.service"
	LabelContainerNumber = "com.docker.compose.container-number" // from 1
	LabelOneOff          = "com.docker.compose.oneoff"           // "True" or "False"
	LabelConfigHash      = "com.docker.compose.config-hash"      // see stack.Hash
	LabelImage           = "com.docker.compose.image"            // the image's config ID
	LabelDependsOn       = "com.docker.compose.depends_on"       // service:condition:restart, comma separated
	LabelWorkingDir      = "com.docker.compose.project.working_dir"
	LabelConfigFiles     = "com.docker.compose.project.config_files"
	LabelVersion         = "com.docker.compose.version"
	LabelNetwork         = "com.docker.compose.network"
	LabelVolume          = "com.docker.compose.volume"

	// LabelFields holds stack.Fields as JSON, so that a later plan can name what changed.
	LabelFields = "dev.stackctl.fields"
	// LabelFolders lists the folders that are anonymous volumes because a container's configs are written there, as JSON.
	LabelFolders = "dev.stackctl.folders"
	// LabelReady is on the container that is asked whether the stack works: "port/path".
	LabelReady = "dev.stackctl.ready"
	// LabelStorePort is on the container of the stack's Redis: its port.
	LabelStorePort = "dev.stackctl.store"
	// LabelTunnel is on containers that carry stackctl and through which the store is reached.
	LabelTunnel = "dev.stackctl.tunnel"
	// LabelHelper is on containers that stackctl runs for itself, for as long as a command of its own lasts; its value says
	// what for. No list shows them but `ps --all`.
	LabelHelper = "dev.stackctl.helper"
	// LabelFront is on containers that stand before others and are stopped first.
	LabelFront = "dev.stackctl.front"
	// LabelHealthcheck is "harmless" on containers whose healthcheck has no effects, so that stackctl may run it, too.
	LabelHealthcheck = "dev.stackctl.healthcheck"
	// LabelAddresses is "fixed" on networks whose containers get fixed addresses.
	LabelAddresses = "dev.stackctl.addresses"
	// LabelKept is the project of a container that is never started, and so keeps what labels alone cannot: an earlier
	// revision of a service, or the project's history. Such a container is not labelled as the project's own, so that no
	// tool takes it for a replica.
	LabelKept = "dev.stackctl.kept"
	// LabelRevision is the number of the revision that a kept container is, from 1.
	LabelRevision = "dev.stackctl.revision"
	// LabelRevisionImage is the image reference that a kept revision was made of; its container is made of the image's ID,
	// since a reference may mean another image by now.
	LabelRevisionImage = "dev.stackctl.revision.image"
	// LabelHistory holds the project's history as JSON, the oldest entry first; see Entry.
	LabelHistory = "dev.stackctl.history"
	// LabelHostFor is on images made from the host's programs: the image reference they stand in for.
	LabelHostFor = "dev.stackctl.host-for"
)

// composeVersion goes into LabelVersion: tools show it, none decides on it.
const composeVersion = "stackctl"
