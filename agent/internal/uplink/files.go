package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/agent/internal/files"
	"maestro.internal/internal/protocol/uplinkv1"
)

var errNoSession = errors.New("there is no session with the collector")

// Files asks the collector for a connection's files, over the connection that the session has. A file that was replaced
// while it was sent ends the call; the caller's next run asks again.
func (u *Uplink) Files(ctx context.Context, connection string, epoch int64, have []string, to files.Receiver) error {
	client, err := u.reach(ctx)
	if err != nil {
		return fmt.Errorf("fetch files: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(u.cfg.Pace.Step, func() { cancel(errors.New("the collector does not answer")) })
	defer watch.Stop()
	stream, err := client.Files(ctx, &uplinkv1.FilesRequest{ConnectionId: connection, Epoch: epoch, Have: have})
	for err == nil {
		var msg *uplinkv1.FilesResponse
		if msg, err = stream.Recv(); err != nil {
			break
		}
		watch.Reset(u.cfg.Pace.Step)
		if err := take(msg, to); err != nil {
			return fmt.Errorf("fetch files: %w", err)
		}
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(err, io.EOF):
		return nil
	case cause != nil:
		return fmt.Errorf("fetch files: %w", cause)
	case status.Code(err) == codes.Unimplemented:
		return errors.New("fetch files: the collector is older than this agent and takes no files")
	}
	return fmt.Errorf("fetch files: %w", plain(err))
}

func take(msg *uplinkv1.FilesResponse, to files.Receiver) error {
	switch m := msg.GetMessage().(type) {
	case *uplinkv1.FilesResponse_List:
		var list []files.File
		for _, x := range m.List.GetFiles() {
			list = append(list, files.File{Name: x.GetName(), Size: x.GetSize(), SHA256: x.GetSha256()})
		}
		return to.List(list)
	case *uplinkv1.FilesResponse_Chunk:
		return to.Chunk(int(m.Chunk.GetFile()), m.Chunk.GetOffset(), m.Chunk.GetData())
	}
	return nil // of a newer collector
}

// reach waits a little for a session: after a start the first runs are due before there is one.
func (u *Uplink) reach(ctx context.Context) (uplinkv1.UplinkClient, error) {
	deadline := time.Now().Add(min(5*time.Second, u.cfg.Pace.Step))
	for {
		u.mu.Lock()
		client := u.client
		u.mu.Unlock()
		if client != nil {
			return client, nil
		}
		if time.Now().After(deadline) {
			return nil, errNoSession
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

func (u *Uplink) setClient(c uplinkv1.UplinkClient) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.client = c
}
