package host

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// clientCertificate makes the agent's side of the mutual TLS: a certificate for this one process. go-plugin's
// own is of the curve P-521, which BoringSSL, and with it gRPC for Python and others, refuses.
func clientCertificate() (pemText string, cfg *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return "", nil, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, SerialNumber: serial,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", nil, fmt.Errorf("make certificate: %w", err)
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return "", nil, fmt.Errorf("encode certificate: %w", err)
	}
	return text.String(), &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		ServerName:   "localhost",
	}, nil
}

// adapter shows the child to go-plugin, which may look but not manage: the end is ours alone.
type adapter struct {
	child  *child
	path   string
	stdout io.ReadCloser
}

var _ runner.Runner = (*adapter)(nil)

func (a *adapter) Start(context.Context) error     { return nil } // started already
func (a *adapter) Diagnose(context.Context) string { return "" }
func (a *adapter) Stdout() io.ReadCloser           { return a.stdout }
func (a *adapter) Stderr() io.ReadCloser           { return eof{} }
func (a *adapter) Name() string                    { return a.path }
func (a *adapter) ID() string                      { return strconv.Itoa(a.child.cmd.Process.Pid) }

func (a *adapter) Wait(context.Context) error {
	<-a.child.done
	return nil
}

func (a *adapter) Kill(context.Context) error { return a.stdout.Close() }

func (a *adapter) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}
func (a *adapter) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
