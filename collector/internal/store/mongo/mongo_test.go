package mongo_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lacks is what the servers that stand in for MongoDB are known not to do. What one lacks, the other must show.
var lacks = map[string]storetest.Lacks{
	"mongodb":  {Transactions: true},
	"ferretdb": {Transactions: true, CompareAndSwap: true, NestedArrays: true},
	"java":     {Transactions: true, BigNumbers: true},
}

// servers are those of MAESTRO_TEST_MONGO_URIS: "ferretdb=mongodb://127.0.0.1:1234 java=mongodb://..."
func servers(t *testing.T) map[string]string {
	t.Helper()
	text := os.Getenv("MAESTRO_TEST_MONGO_URIS")
	if text == "" {
		t.Skip("MAESTRO_TEST_MONGO_URIS is not set; test/mongoservers/run.sh starts servers to run this against")
	}
	found := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		name, uri, ok := strings.Cut(pair, "=")
		if _, known := lacks[name]; !ok || !known {
			t.Fatalf("MAESTRO_TEST_MONGO_URIS: %q is not name=uri with one of mongodb, ferretdb, java", pair)
		}
		found[name] = uri
	}
	return found
}

func TestStore(t *testing.T) {
	for name, uri := range servers(t) {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			storetest.Run(t, func(t *testing.T, tables []store.Table) store.Store {
				t.Helper()
				s, err := mongo.Open(t.Context(), mongo.Options{
					URI: uri, Database: fmt.Sprintf("maestro_test_%d_%d", os.Getpid(), n.Add(1)), Tables: tables,
				})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}, lacks[name])
		})
	}
}
