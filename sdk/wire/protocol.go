package wire

import "maestro.internal/sdk/resource"

// Capability is the version of plugin.proto's meaning that this SDK speaks. It rises when a side may rely on
// something that an older one does not do.
//
//	1  the first version
//	2  the call Choices, for the settings that the description names
const Capability = 2

// ProtocolVersion is the application version in the handshake line. It changes only when old and new cannot
// talk at all.
const ProtocolVersion = 1

// What one message may hold. A batch is closed before it exceeds BatchItems or BatchBytes; a receiver
// accepts up to the limits of the protocol and a little for framing.
const (
	BatchItems = 500
	BatchBytes = 1 << 20
	MaxMessage = resource.MaxBatchBytes + 1<<20
)

// What one message may hold of a list of scopes. Libraries other than ours take no more than 4 MiB unless they are told to.
const (
	ScopeItems = 10_000
	ScopeBytes = 1 << 20
)

// The variable by which a plugin knows that it was started by Maestro and not by hand. It is no secret.
const (
	CookieKey   = "MAESTRO_PLUGIN"
	CookieValue = "b2b8e8a8-0e5f-4a6e-9a86-6f5b8f0a5c1d"
)
