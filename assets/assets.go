// Package assets holds the embedded stack: its Compose file, nginx.conf, Dockerfile and web page, as a person would write them.
package assets

import "embed"

// FS holds compose.yaml, nginx.conf and Dockerfile at its root.
//
//go:embed compose.yaml nginx.conf Dockerfile
var FS embed.FS

// Page is the template of the web page that browsers get.
//
//go:embed page.html
var Page string
