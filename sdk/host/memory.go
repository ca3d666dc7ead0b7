package host

import (
	"fmt"
	"time"
)

const (
	memoryEvery = 250 * time.Millisecond
	groupEvery  = 8 // looking at all processes costs more, so the children count every two seconds
)

// watchMemory kills the plugin when it and its children hold more than the limit, and says so.
func watchMemory(c *child, limit int64) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		if held := memoryOf(c.cmd.Process.Pid, n%groupEvery == 0); held > limit {
			c.kill(fmt.Sprintf("killed: out of memory at %d MiB (the limit is %d MiB)", held>>20, limit>>20))
		}
	}
}
