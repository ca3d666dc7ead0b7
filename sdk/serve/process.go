package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/emptypb"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/wire"
)

// This file is the plugin's end of go-plugin's protocol, as docs/protocol.md tells it to authors in other languages.
// The host uses the library; a plugin that linked it would carry net/rpc, whose reflection keeps the linker from
// leaving out any method of a vendor's SDK: the AWS plugin was four times as big.

// answer serves srv on a socket of its own until the host asks it to end or ends the connection. The handshake line
// on stdout tells the host where. end is called when the host asks, so that calls under way return.
func answer(srv *server, end func(), stdout *os.File) error {
	secure, line, err := credential(os.Getenv("PLUGIN_CLIENT_CERT"))
	if err != nil {
		return err
	}
	listener, remove, err := listen(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"))
	if err != nil {
		return err
	}
	defer remove()
	s := grpc.NewServer(grpc.Creds(secure), grpc.MaxRecvMsgSize(wire.MaxMessage), grpc.MaxSendMsgSize(wire.MaxMessage))
	pluginv1.RegisterPluginServer(s, srv)
	s.RegisterService(&controller, ending(func() {
		end()
		time.AfterFunc(endWithin, s.Stop)
		go s.GracefulStop() // it waits for this very call
	}))
	if _, err := fmt.Fprintf(stdout, "1|%d|%s|%s|grpc|%s\n", wire.ProtocolVersion, listener.Addr().Network(), listener.Addr(), line); err != nil {
		return fmt.Errorf("write handshake: %w", err)
	}
	// What an author prints by mistake belongs into the log.
	os.Stdout = os.Stderr
	if err := s.Serve(listener); err != nil {
		return fmt.Errorf("serve plugin: %w", err)
	}
	return nil
}

// listen makes the socket. The folder is the host's, which only its user can enter and which it removes.
func listen(folder string) (net.Listener, func(), error) {
	if runtime.GOOS == "windows" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("listen: %w", err)
		}
		return l, func() {}, nil
	}
	if folder == "" {
		return nil, nil, errors.New("listen: the host named no folder for the socket (PLUGIN_UNIX_SOCKET_DIR)")
	}
	l, err := net.Listen("unix", filepath.Join(folder, "plugin"))
	if err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	return l, func() { _ = os.Remove(filepath.Join(folder, "plugin")) }, nil // the listener has mostly done it
}

// credential is mutual TLS between exactly this process and the one that holds the key of the client's certificate.
// line is our certificate as the handshake carries it.
func credential(clientPEM string) (secure credentials.TransportCredentials, line string, err error) {
	pool := x509.NewCertPool()
	if strings.TrimSpace(clientPEM) == "" || !pool.AppendCertsFromPEM([]byte(clientPEM)) {
		return nil, "", errors.New("start: the host gave no certificate (PLUGIN_CLIENT_CERT)")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, "", fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, SerialNumber: serial,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make certificate: %w", err)
	}
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12,
	}), base64.RawStdEncoding.EncodeToString(der), nil
}

// ending is called when the host asks the plugin to end.
type ending func()

// controller is go-plugin's service for that.
var controller = grpc.ServiceDesc{
	ServiceName: "plugin.GRPCController",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Shutdown", Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if err := decode(&emptypb.Empty{}); err != nil {
			return nil, err
		}
		srv.(ending)()
		return &emptypb.Empty{}, nil
	}}},
}
