package ingest_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

// files is what an agent gets of a connection's files: their names, and the bytes that were sent.
func (a *agent) files(conn rest.Connection, epoch int64, have ...string) (names string, sent int, err error) {
	st, err := a.client().Files(a.w.t.Context(), &uplinkv1.FilesRequest{ConnectionId: conn.ID, Epoch: epoch, Have: have})
	for err == nil {
		var m *uplinkv1.FilesResponse
		if m, err = st.Recv(); err != nil {
			break
		}
		for _, f := range m.GetList().GetFiles() {
			names += f.GetName() + " "
		}
		sent += len(m.GetChunk().GetData())
		if len(m.GetChunk().GetData()) > upload.Chunk {
			a.w.t.Errorf("a piece of %d bytes", len(m.GetChunk().GetData()))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, sent, err
}

// Files go to the agent that holds the connection, and to nobody else.
func TestWhoGetsFiles(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	b, _ := w.described("default")
	c, _ := w.described("other")
	f, err := w.fleet.Upload(t.Context(), admin, conn.ID, "web-1", []byte(strings.Repeat("x", upload.Chunk+7)))
	must(t, err)
	_, err = w.fleet.Upload(t.Context(), admin, conn.ID, "web-2", []byte("y"))
	must(t, err)
	if names, sent, err := a.files(conn, 1); err != nil || names != "web-1 web-2 " || sent != upload.Chunk+8 {
		t.Errorf("its agent gets %q, %d bytes, %v", names, sent, err)
	}
	if names, sent, err := a.files(conn, 1, f.SHA256); err != nil || names != "web-1 web-2 " || sent != 1 {
		t.Errorf("what it has is sent again: %q, %d bytes, %v", names, sent, err)
	}
	for who, x := range map[string]*agent{"another agent": b, "another tenant's agent": c} {
		_, sent, err := x.files(conn, 1)
		wantCode(t, who, err, codes.PermissionDenied)
		if sent > 0 {
			t.Errorf("%s gets %d bytes", who, sent)
		}
	}
	if n, m := w.refusals("default", "connection.read_files"), w.refusals("other", "connection.read_files"); n != 1 || m != 1 {
		t.Errorf("%d and %d refusals in the audit trails, want one each", n, m)
	}
	_, err = w.fleet.UpdateConnection(t.Context(), admin, conn.ID, conn.Version, rest.ConnectionWrite{Name: conn.Name, Provider: "toy", Agent: b.id})
	must(t, err)
	_, _, err = a.files(conn, 1)
	wantCode(t, "the agent that held it before", err, codes.FailedPrecondition)
}
