package uplink

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
)

const callTimeout = 30 * time.Second

// dial does not connect yet; the first call does.
func dial(address string, cfg *tls.Config) (*grpc.ClientConn, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("collector address %q: want host:port", address)
	}
	return grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials.NewTLS(cfg)),
		grpc.WithNoProxy(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 15 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(4*protocol.MaxMessage), grpc.MaxCallSendMsgSize(protocol.MaxMessage)),
		grpc.WithDisableServiceConfig())
}

var (
	errUnreachable = errors.New("no answer")
	errStranger    = errors.New("this is not the collector that the join token names")
)

// WaitingError says that somebody at the collector has to let this agent in first, in the collector's words.
type WaitingError struct{ Said string }

func (e *WaitingError) Error() string { return e.Said }

// Unreachable says whether an enrolment failed only because the collector did not answer.
func Unreachable(err error) bool { return errors.Is(err, errUnreachable) }

// Enroll binds the agent's key with a single-use join token; an agent that has lost its key gets another first.
func (id *Identity) Enroll(ctx context.Context, address string, tokenText string, name string, info Info) (err error) {
	token, err := protocol.ParseJoinToken(tokenText)
	if err != nil {
		return fmt.Errorf("enroll: %w", err)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("enroll: collector address %q: want host:port", address)
	}
	var stranger atomic.Bool
	conn, err := dial(address, joining(host, token.Fingerprint, &stranger))
	if err != nil {
		return fmt.Errorf("enroll: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := id.newKey(); err != nil {
		return fmt.Errorf("enroll: %w", err)
	}
	csr, err := id.request(name)
	if err != nil {
		return fmt.Errorf("enroll: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := uplinkv1.NewUplinkClient(conn).Enroll(ctx, &uplinkv1.EnrollRequest{Token: tokenText, Csr: csr, Name: name, Info: info.proto()})
	if err != nil && stranger.Load() {
		return fmt.Errorf("enroll at %s: %w", address, errStranger)
	}
	if status.Code(err) == codes.FailedPrecondition {
		return &WaitingError{Said: status.Convert(err).Message()}
	}
	if status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded {
		return fmt.Errorf("enroll at %s: %w: %w", address, errUnreachable, plain(err))
	}
	if err != nil {
		return fmt.Errorf("enroll at %s: %w", address, plain(err))
	}
	if !hasFingerprint(answer.GetAuthorities(), token.Fingerprint) {
		return fmt.Errorf("enroll at %s: the collector answered with other authorities than the join token names", address)
	}
	if err := id.replaceKey(); err != nil {
		return fmt.Errorf("enroll at %s: %w", address, err)
	}
	if err := id.accept(fromAnswer(answer, address)); err != nil {
		return fmt.Errorf("enroll at %s: %w", address, err)
	}
	return nil
}

func fromAnswer(a *uplinkv1.EnrollResponse, address string) identityData {
	return identityData{AgentID: a.GetAgentId(), Tenant: a.GetTenant(), Collector: address,
		Certificates: a.GetCertificates(), Authorities: a.GetAuthorities()}
}

func hasFingerprint(authorities [][]byte, want [sha256.Size]byte) bool {
	for _, der := range authorities {
		if c, err := x509.ParseCertificate(der); err == nil {
			if got := protocol.Fingerprint(c); subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
				return true
			}
		}
	}
	return false
}

// joining trusts the one authority whose fingerprint the token carries. The server presents its authority's
// certificate beside its own.
func joining(host string, fingerprint [sha256.Size]byte, stranger *atomic.Bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		// The usual check has no root to begin with; VerifyConnection does the same with the one that the token names.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the collector presents no certificate")
			}
			roots := x509.NewCertPool()
			found := false
			for _, c := range state.PeerCertificates[1:] {
				if got := protocol.Fingerprint(c); subtle.ConstantTimeCompare(got[:], fingerprint[:]) == 1 {
					roots.AddCert(c)
					found = true
				}
			}
			if !found {
				stranger.Store(true)
				return errStranger
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			return err
		},
	}
}

// renew exchanges the certificate on an open connection.
func (id *Identity) renew(ctx context.Context, client uplinkv1.UplinkClient) error {
	csr, err := id.request(id.AgentID())
	if err != nil {
		return fmt.Errorf("renew certificate: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := client.Renew(ctx, &uplinkv1.RenewRequest{Csr: csr})
	if err == nil {
		err = id.accept(fromAnswer(answer, id.Collector()))
	}
	if err != nil {
		return fmt.Errorf("renew certificate: %w", plain(err))
	}
	return nil
}

// recover asks for a certificate with nothing but the bound key, after the old one has expired.
func (id *Identity) recover(ctx context.Context, address string, now time.Time) (err error) {
	conn, err := dial(address, id.tlsConfig(false))
	if err != nil {
		return fmt.Errorf("recover certificate: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	csr, err := id.request(id.AgentID())
	if err != nil {
		return fmt.Errorf("recover certificate: %w", err)
	}
	sum := protocol.RecoverDigest(id.AgentID(), now.UTC().Format(time.RFC3339Nano), csr)
	proof, err := id.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("recover certificate: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := uplinkv1.NewUplinkClient(conn).Recover(ctx, &uplinkv1.RecoverRequest{
		AgentId: id.AgentID(), Csr: csr, At: timestamppb.New(now), Proof: proof})
	if err == nil {
		err = id.accept(fromAnswer(answer, address))
	}
	if err != nil {
		return fmt.Errorf("recover certificate: %w", plain(err))
	}
	return nil
}
