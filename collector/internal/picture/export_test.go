package picture

import "context"

// TryRecode is what a fuzzer feeds.
func (s *Service) TryRecode(ctx context.Context, content []byte) {
	_, _, _ = s.recode(ctx, content, Face)
}
