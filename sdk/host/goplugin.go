package host

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/wire"
)

// service is the name under which the plugin is dispensed.
const service = "provider"

func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue}
}

// dispensed is go-plugin's entry for our service, on the side of the host.
type dispensed struct{ plugin.NetRPCUnsupportedPlugin }

func (dispensed) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("serve plugin: the host serves none")
}

func (dispensed) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(conn), nil
}
