// Package assets embeds the stack: its Compose file, nginx.conf, Dockerfile and web page.
package assets

import "embed"

// FS has compose.yaml, nginx.conf, users.acl, Dockerfile and the folder features at its root.
//
//go:embed compose.yaml nginx.conf users.acl Dockerfile features
var FS embed.FS

// Page is the template of the web page that browsers get.
//
//go:embed page.html
var Page string
