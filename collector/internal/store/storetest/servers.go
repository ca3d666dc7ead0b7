package storetest

import (
	"os"
	"strings"
)

// Server is one that speaks MongoDB's protocol and may be tested on.
type Server struct {
	// Name says what it is: mongodb, ferretdb or java.
	Name, URI string
}

// HowToNameServers is what a test says that found none.
const HowToNameServers = "no server is named: MAESTRO_TEST_MONGO_URI=mongodb://... names a MongoDB; test/mongoservers/run.sh starts stand-ins for MAESTRO_TEST_MONGO_URIS"

// Servers are those the environment names: a real MongoDB by MAESTRO_TEST_MONGO_URI, others too by
// MAESTRO_TEST_MONGO_URIS="ferretdb=mongodb://127.0.0.1:1234 java=mongodb://...". What they hold in databases of other
// names is not touched.
func Servers() []Server {
	var out []Server
	if uri := os.Getenv("MAESTRO_TEST_MONGO_URI"); uri != "" {
		out = append(out, Server{Name: "mongodb", URI: uri})
	}
	for pair := range strings.FieldsSeq(os.Getenv("MAESTRO_TEST_MONGO_URIS")) {
		name, uri, _ := strings.Cut(pair, "=")
		out = append(out, Server{Name: name, URI: uri})
	}
	return out
}
