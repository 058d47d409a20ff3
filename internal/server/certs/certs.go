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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	readHeaderTimeout = 5 * time.Second
	writeTimeout      = 10 * time.Second
	idleTimeout       = 75 * time.Second // longer than nginx keeps an idle connection
	maxHeaderBytes    = 16 << 10
	// stopTimeout bounds the answers in flight when the tier ends.
	stopTimeout = 900 * time.Millisecond
)

// Server is the certs tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg    Config
	log    *slog.Logger
	keeper *keeper
	tokens *tokens

	servers   []*http.Server
	listeners []net.Listener // as many as servers, after Listen
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
	if err := s.listen(ctx, s.cfg.ListenAddr, "LISTEN_ADDR", newMonitor(s.keeper, s.cfg.Version)); err != nil {
		return err
	}
	if s.cfg.Issuer == certificate.ACME {
		if err := s.listen(ctx, s.cfg.ChallengeAddr, "CHALLENGE_ADDR", s.tokens); err != nil {
			s.listeners[0].Close()
			return err
		}
	}
	s.log.Info("listening", "addr", s.Addr(), "challenges", s.ChallengeAddr(), "issuer", s.cfg.Issuer, "names", s.cfg.Names)
	return nil
}

func (s *Server) listen(ctx context.Context, addr, variable string, handler http.Handler) error {
	var open net.ListenConfig
	listener, err := open.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening on %q (%s sets another address): %w", addr, variable, err)
	}
	s.listeners = append(s.listeners, listener)
	s.servers = append(s.servers, &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readHeaderTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	})
	return nil
}

// Addr returns the host:port that serves /healthz and /metrics. It is valid after Listen.
func (s *Server) Addr() string { return s.listeners[0].Addr().String() }

// ChallengeAddr returns the host:port that answers ACME's challenges, or "" for other issuers. It is valid after Listen.
func (s *Server) ChallengeAddr() string {
	if len(s.listeners) < 2 {
		return ""
	}
	return s.listeners[1].Addr().String()
}

// Serve keeps the certificate until ctx is done. It can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(s.servers)+1)
	var running sync.WaitGroup
	for i, server := range s.servers {
		running.Go(func() { failed <- server.Serve(s.listeners[i]) })
	}
	running.Go(func() { failed <- s.keeper.run(ctx) })
	var err error
	select {
	case err = <-failed: // http.ErrServerClosed comes only after Shutdown
	case <-ctx.Done():
	}
	stop()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(ending) != nil {
			_ = server.Close()
		}
	}
	running.Wait()
	s.log.Info("stopped")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
