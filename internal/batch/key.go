package batch

import "context"

// readsAtOnce is how many queries of one kind run at the same time.
const readsAtOnce = 2

// ByKey returns a Batcher that reads things by their keys, each key once per batch. The result for a missing thing is
// nil.
func ByKey[K comparable, V any](
	read func(ctx context.Context, keys []K) ([]*V, error),
) *Batcher[K, *V] {
	return New(readsAtOnce, func(ctx context.Context, keys []K) ([]*V, error) {
		at, each := make(map[K]int, len(keys)), make([]K, 0, len(keys))
		for _, key := range keys {
			if _, known := at[key]; !known {
				at[key], each = len(each), append(each, key)
			}
		}
		found, err := read(ctx, each)
		if err != nil || len(each) == len(keys) {
			return found, err
		}
		values := make([]*V, len(keys))
		for i, key := range keys {
			values[i] = found[at[key]]
		}
		return values, nil
	})
}
