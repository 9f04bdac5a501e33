package batch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoResultIsOlderThanItsRequest: a caller sees every change that was made before its request, whatever batches run
// at that moment.
func TestNoResultIsOlderThanItsRequest(t *testing.T) {
	t.Parallel()
	var stored atomic.Int64
	b := New(2, func(_ context.Context, requests []string) ([]int64, error) {
		results, now := make([]int64, len(requests)), stored.Load()
		for i := range results {
			results[i] = now
		}
		return results, nil
	})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 500 {
				changed := stored.Add(1)
				seen, err := b.One(t.Context(), "a")
				if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, seen, changed) {
					return
				}
			}
		})
	}
	group.Wait()
}

// held returns a Batcher of negative numbers whose batches wait until they are released.
func held(atOnce int) (b *Batcher[int, int], started chan []int, release chan error) {
	started, release = make(chan []int), make(chan error)
	b = New(atOnce, func(_ context.Context, requests []int) ([]int, error) {
		started <- requests
		return negative(requests), <-release
	})
	b.longest = time.Hour
	return b, started, release
}

func negative(requests []int) []int {
	results := make([]int, len(requests))
	for i, request := range requests {
		results[i] = -request
	}
	return results
}

// joined waits until the next batch has a number of requests.
func joined(t *testing.T, b *Batcher[int, int], requests int) {
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.next != nil && len(b.next.requests) == requests
	}, 10*time.Second, time.Millisecond)
}

func TestRequestsDuringABatchShareTheNextOne(t *testing.T) {
	t.Parallel()
	b, started, release := held(2)
	var group sync.WaitGroup
	ask := func(requests ...int) {
		group.Go(func() {
			results, err := b.All(t.Context(), requests...)
			assert.NoError(t, err)
			assert.Equal(t, negative(requests), results)
		})
	}
	for i := range 2 {
		ask(i)
		assert.Equal(t, []int{i}, <-started)
	}
	for i := range 5 {
		ask(100+i, 200+i)
	}
	joined(t, b, 10)
	release <- nil
	assert.ElementsMatch(t, []int{100, 101, 102, 103, 104, 200, 201, 202, 203, 204}, <-started)
	for range 2 {
		release <- nil
	}
	group.Wait()
}

func TestBatchSizeIsLimited(t *testing.T) {
	t.Parallel()
	var largest atomic.Int64
	b := New(2, func(_ context.Context, requests []int) ([]int, error) {
		if n := int64(len(requests)); n > largest.Load() {
			largest.Store(n)
		}
		return negative(requests), nil
	})
	var group sync.WaitGroup
	for i := range 500 {
		group.Go(func() {
			requests := make([]int, 1+i%7)
			for j := range requests {
				requests[j] = i + j
			}
			results, err := b.All(t.Context(), requests...)
			assert.NoError(t, err)
			assert.Equal(t, negative(requests), results)
		})
	}
	group.Wait()
	assert.LessOrEqual(t, largest.Load(), int64(Most))
	many := make([]int, 3*Most)
	results, err := b.All(t.Context(), many...)
	require.NoError(t, err)
	assert.Len(t, results, len(many))
	results, err = b.All(t.Context())
	require.NoError(t, err)
	assert.Empty(t, results)
}

func TestSingleCallerKeepsItsOwnDeadline(t *testing.T) {
	t.Parallel()
	b := New(1, func(ctx context.Context, _ []int) ([]int, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	hurried, hurry := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, hurry)
	_, err := b.One(hurried, 1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.One(hurried, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// TestSlowCallerDoesNotDelayOthers: neither a caller that waits to start a batch, nor one that has started it.
func TestSlowCallerDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	b, started, release := held(1)
	hurried, hurry := context.WithCancel(t.Context())
	var group sync.WaitGroup
	ask := func(ctx context.Context, request int, want error) {
		group.Go(func() {
			_, err := b.One(ctx, request)
			assert.ErrorIs(t, err, want)
		})
	}
	ask(t.Context(), 1, nil)
	<-started
	ask(hurried, 2, context.Canceled)
	joined(t, b, 1)
	ask(t.Context(), 3, nil)
	joined(t, b, 2)
	hurry()
	assert.Equal(t, []int{2, 3}, <-started)
	failed := errors.New("away")
	ask(t.Context(), 4, failed)
	joined(t, b, 1)
	release <- nil
	release <- nil
	assert.Equal(t, []int{4}, <-started)
	release <- failed
	group.Wait()
}

func TestHangingBatchDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	b, started, release := held(1)
	b.longest = time.Millisecond
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			result, err := b.One(t.Context(), i)
			assert.NoError(t, err)
			assert.Equal(t, -i, result)
		})
		assert.Equal(t, []int{i}, <-started)
	}
	for range 5 {
		release <- nil
	}
	group.Wait()
}

// TestPanicOfABatchWithoutItsFirstCallerEndsNothingElse: the first caller leaves before the batch starts.
func TestPanicOfABatchWithoutItsFirstCallerEndsNothingElse(t *testing.T) {
	t.Parallel()
	b, started, release := held(1)
	var group sync.WaitGroup
	group.Go(func() {
		_, err := b.One(t.Context(), 1)
		assert.NoError(t, err)
	})
	<-started
	hurried, hurry := context.WithCancel(t.Context())
	b.do = func(context.Context, []int) ([]int, error) { panic("oh") } // of the batches that start from now on
	group.Go(func() {
		_, err := b.One(hurried, 2)
		assert.Error(t, err)
	})
	joined(t, b, 1)
	group.Go(func() {
		_, err := b.One(t.Context(), 3)
		assert.ErrorIs(t, err, errPanicked)
	})
	joined(t, b, 2)
	hurry()
	release <- nil
	group.Wait()
}

func TestPanicOfABatchReleasesItsCallers(t *testing.T) {
	t.Parallel()
	b := New(2, func(context.Context, []int) ([]int, error) { panic("oh") })
	for range 4 {
		assert.Panics(t, func() { _, _ = b.One(t.Context(), 1) })
	}
	b.do = func(_ context.Context, requests []int) ([]int, error) { return negative(requests), nil }
	result, err := b.One(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, -1, result)
}
