package resource_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/sdk/resource"
)

// The parts that differ are those of the keys that differ, and the parts together are the digest.
func TestBucketsSayWhereListsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before, after resource.Buckets
		var sum, parts resource.Digest
		changed := map[string]bool{}
		for i := range rapid.IntRange(0, 300).Draw(t, "keys") {
			key := fmt.Sprintf("vm-%d", i)
			h := resource.HashOf([]byte(key))
			before.AddRow(key, h)
			switch rapid.IntRange(0, 20).Draw(t, "becomes") {
			case 0:
				h = resource.HashOf([]byte("other " + key))
				changed[key] = true
			case 1:
				changed[key] = true
				continue
			}
			after.AddRow(key, h)
			sum.AddRow(key, h)
		}
		differ := before.Differing(&after)
		want := resource.BucketSet{}
		for key := range changed {
			if !differ.Has(key) {
				t.Fatalf("%s changed and its bucket does not differ", key)
			}
			want.Add(resource.BucketOf(key))
		}
		if differ != want || differ.Len() > len(changed) {
			t.Fatalf("%d buckets differ of %d changed keys", differ.Len(), len(changed))
		}
		read, err := resource.BucketsFromBytes(after.Bytes())
		if err != nil || *read != after {
			t.Fatalf("read back: %v", err)
		}
		for _, part := range read {
			parts.Add(part)
		}
		if parts.Sum != sum.Sum {
			t.Fatalf("the parts come to %s, the digest is %s", parts.Sum, sum.Sum)
		}
		again, err := resource.BucketSetFromBytes(differ.Bytes())
		if err != nil || again != differ {
			t.Fatalf("read back set: %v", err)
		}
	})
	if _, err := resource.BucketsFromBytes(make([]byte, 100)); err == nil {
		t.Error("buckets that are cut off were read")
	}
	if _, err := resource.BucketSetFromBytes(make([]byte, 33)); err == nil {
		t.Error("a set that is too long was read")
	}
	if got := resource.BucketOf("vm-1"); got != 0x2d { // pinned: another value is another protocol
		t.Errorf("bucket of vm-1 is %#x", got)
	}
}
