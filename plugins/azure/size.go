package azure

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// size is what a size of machine has.
type size struct {
	Name     string `json:"name"`
	Cores    int    `json:"numberOfCores"`
	MemoryMB int64  `json:"memoryInMB"`
}

// sizes are read by region when the first machine of a region is met. Resource Manager says only the name of a
// machine's size.
type sizes struct {
	reader *reader
	mu     sync.Mutex
	known  map[string]map[string]size // nil where they could not be read
}

func newSizes(r *reader) *sizes { return &sizes{reader: r, known: map[string]map[string]size{}} }

// apply fills in processors and memory.
func (s *sizes) apply(ctx context.Context, env *resource.Envelope, server *schema.Server, location, name string) {
	if name == "" || location == "" {
		return
	}
	region := regionName(location)
	s.mu.Lock()
	defer s.mu.Unlock()
	list, read := s.known[region]
	if !read {
		var err error
		if list, err = s.read(ctx, region); err != nil {
			s.reader.out.Warn("sizes of machines in %s could not be read, so the former values are kept: %v", region, err)
			list = nil
		}
		s.known[region] = list
	}
	if list == nil {
		env.Unread = append(env.Unread, sizePointers...)
		return
	}
	if found, ok := list[strings.ToLower(name)]; ok {
		server.CPUCount, server.MemoryBytes = found.Cores, found.MemoryMB<<20
	}
}

func (s *sizes) read(ctx context.Context, region string) (map[string]size, error) {
	if strings.ContainsAny(region, "/?#%") {
		return nil, fmt.Errorf("%q is no region", region)
	}
	out := map[string]size{}
	link := s.reader.client.link(s.reader.path("/providers/Microsoft.Compute/locations/"+region+"/vmSizes"), computeVersion)
	err := pages(ctx, s.reader.client, s.reader.call, link, s.reader.out.Warn, func(list []size) error {
		for _, one := range list {
			out[strings.ToLower(one.Name)] = one
		}
		return nil
	})
	return out, err
}
