package wire

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/resource"
)

// Capability is the version of plugin.proto's meaning that this SDK speaks. It rises when a side may rely on
// something that an older one does not do.
const Capability = 1

// ProtocolVersion is the application version in the handshake line. It changes only when old and new cannot
// talk at all.
const ProtocolVersion = 1

// Service is the name under which the plugin is dispensed.
const Service = "provider"

// What one message may hold. A batch is closed before it exceeds BatchItems or BatchBytes; a receiver
// accepts up to the limits of the protocol and a little for framing.
const (
	BatchItems = 500
	BatchBytes = 1 << 20
	MaxMessage = resource.MaxBatchBytes + 1<<20
)

// Handshake is how a plugin knows that it was started by Maestro and not by hand. It is no secret.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "MAESTRO_PLUGIN",
		MagicCookieValue: "b2b8e8a8-0e5f-4a6e-9a86-6f5b8f0a5c1d",
	}
}

// Plugins is go-plugin's table. server is nil on the side of the host.
func Plugins(server pluginv1.PluginServer) plugin.PluginSet {
	return plugin.PluginSet{Service: &grpcPlugin{server: server}}
}

type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server pluginv1.PluginServer
}

// GRPCServer registers the plugin's side.
func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.server == nil {
		return errors.New("serve plugin: nothing to serve")
	}
	pluginv1.RegisterPluginServer(s, p.server)
	return nil
}

// GRPCClient makes the host's side.
func (p *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(conn), nil
}
