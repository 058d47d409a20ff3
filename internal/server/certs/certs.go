// Package certs is the certs tier, run in its container as `stackctl certs`: it keeps a TLS certificate and its key in a folder that
// nginx reads, and renews them before they expire. They come from one of three issuers: an authority of the project's own, files of the
// user's, or an issuer that speaks ACME, such as Let's Encrypt.
//
// The folder is a volume that nginx has too:
//
//	current          a symbolic link to the pair in use, below pairs
//	pairs/ID/        fullchain.pem and privkey.pem, which never change; root is an empty folder, for nginx (docs/tls.md)
//	root.pem         the certificate of the project's own authority, for those who shall trust it
//	status.json      certificate.Status
//	private/         of this tier alone: the authority's key, the ACME account's, an order that is not finished
package certs

import (
	"context"
	"io"
	"log/slog"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier"
)

// stopTimeout bounds the answers in flight when the tier ends.
const stopTimeout = 900 * time.Millisecond

// Server is the certs tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg    Config
	log    *slog.Logger
	keeper *keeper
	tokens *tokens

	runner     tier.Runner
	challenges *tier.Port // nil for issuers other than ACME
}

// Run keeps the certificate until ctx is done. It writes the log to log as JSON lines. No issuer needs to be there, neither at the start
// nor later; the error is one of the folder, the authority's files or the addresses.
func Run(ctx context.Context, cfg Config, log io.Writer) error {
	s, err := New(cfg, log)
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// New opens the folder and the issuer.
func New(cfg Config, log io.Writer) (*Server, error) {
	logger := tier.NewLogger(log, cfg.LogLevel)
	dir, err := openFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: logger, tokens: newTokens(logger)}
	from, err := s.issuer(dir)
	if err != nil {
		return nil, err
	}
	s.keeper = newKeeper(cfg, dir, from, logger)
	s.runner = tier.Runner{
		Log: logger, Timeout: stopTimeout, Work: []func(context.Context) error{s.keeper.run},
		Ports: []*tier.Port{{Addr: cfg.ListenAddr, Hint: "LISTEN_ADDR sets another address", Server: tier.NewServer(newMonitor(s.keeper, cfg.Version), logger)}},
	}
	if cfg.Issuer == certificate.ACME {
		s.challenges = &tier.Port{
			Addr: cfg.ChallengeAddr, For: "ACME's challenges", Hint: "CHALLENGE_ADDR sets another address", Server: tier.NewServer(s.tokens, logger),
		}
		s.runner.Ports = append(s.runner.Ports, s.challenges)
	}
	return s, nil
}

func (s *Server) issuer(dir *folder) (issuer, error) {
	switch s.cfg.Issuer {
	case certificate.Files:
		return &userFiles{cert: s.cfg.CertFile, key: s.cfg.KeyFile, names: s.cfg.Names}, nil
	case certificate.ACME:
		return newACME(s.cfg, dir, s.tokens, s.log)
	}
	return newAuthority(s.cfg, dir, s.log)
}

// Listen opens the listening sockets: one for /healthz and /metrics and, for ACME, one for its challenges.
func (s *Server) Listen(ctx context.Context) error {
	return s.runner.Listen(ctx, func() []any {
		return []any{"challenges", s.ChallengeAddr(), "issuer", s.cfg.Issuer, "names", s.cfg.Names}
	})
}

// Addr returns the host:port that serves /healthz and /metrics. It is valid after Listen.
func (s *Server) Addr() string { return s.runner.Ports[0].At() }

// ChallengeAddr returns the host:port that answers ACME's challenges, or "" for other issuers. It is valid after Listen.
func (s *Server) ChallengeAddr() string { return s.challenges.At() }

// Serve keeps the certificate until ctx is done. It can be called only once.
func (s *Server) Serve(ctx context.Context) error { return s.runner.Serve(ctx) }
