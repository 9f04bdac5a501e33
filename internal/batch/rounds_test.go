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

// TestNoAnswerIsOlderThanItsQuestion: whoever asks after a change sees it, whatever rounds run at that
// moment.
func TestNoAnswerIsOlderThanItsQuestion(t *testing.T) {
	t.Parallel()
	var stored atomic.Int64
	r := New(2, func(_ context.Context, questions []string) ([]int64, error) {
		answers, now := make([]int64, len(questions)), stored.Load()
		for i := range answers {
			answers[i] = now
		}
		return answers, nil
	})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 500 {
				changed := stored.Add(1)
				seen, err := r.One(t.Context(), "a")
				if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, seen, changed) {
					return
				}
			}
		})
	}
	group.Wait()
}

// held are Rounds of negative numbers, each of which waits until it is let go.
func held(atOnce int) (r *Rounds[int, int], begun chan []int, letGo chan error) {
	begun, letGo = make(chan []int), make(chan error)
	r = New(atOnce, func(_ context.Context, questions []int) ([]int, error) {
		begun <- questions
		return negative(questions), <-letGo
	})
	r.longest = time.Hour
	return r, begun, letGo
}

func negative(questions []int) []int {
	answers := make([]int, len(questions))
	for i, question := range questions {
		answers[i] = -question
	}
	return answers
}

// joined waits until the next round has so many questions.
func joined(t *testing.T, r *Rounds[int, int], questions int) {
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.next != nil && len(r.next.questions) == questions
	}, 10*time.Second, time.Millisecond)
}

func TestThoseWhoAskWhileOthersAreAnsweredShareTheNextRound(t *testing.T) {
	t.Parallel()
	r, begun, letGo := held(2)
	var group sync.WaitGroup
	ask := func(questions ...int) {
		group.Go(func() {
			answers, err := r.Ask(t.Context(), questions...)
			assert.NoError(t, err)
			assert.Equal(t, negative(questions), answers)
		})
	}
	for i := range 2 {
		ask(i)
		assert.Equal(t, []int{i}, <-begun)
	}
	for i := range 5 {
		ask(100+i, 200+i)
	}
	joined(t, r, 10)
	letGo <- nil
	assert.ElementsMatch(t, []int{100, 101, 102, 103, 104, 200, 201, 202, 203, 204}, <-begun)
	for range 2 {
		letGo <- nil
	}
	group.Wait()
}

func TestRoundHasNoMoreQuestionsThanItMay(t *testing.T) {
	t.Parallel()
	var largest atomic.Int64
	r := New(2, func(_ context.Context, questions []int) ([]int, error) {
		if n := int64(len(questions)); n > largest.Load() {
			largest.Store(n)
		}
		return negative(questions), nil
	})
	var group sync.WaitGroup
	for i := range 500 {
		group.Go(func() {
			questions := make([]int, 1+i%7)
			for j := range questions {
				questions[j] = i + j
			}
			answers, err := r.Ask(t.Context(), questions...)
			assert.NoError(t, err)
			assert.Equal(t, negative(questions), answers)
		})
	}
	group.Wait()
	assert.LessOrEqual(t, largest.Load(), int64(Most))
	many := make([]int, 3*Most)
	answers, err := r.Ask(t.Context(), many...)
	require.NoError(t, err)
	assert.Len(t, answers, len(many))
	answers, err = r.Ask(t.Context())
	require.NoError(t, err)
	assert.Empty(t, answers)
}

func TestWhoAsksAloneIsAnsweredWithinHisOwnTime(t *testing.T) {
	t.Parallel()
	r := New(1, func(ctx context.Context, _ []int) ([]int, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	hurried, hurry := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, hurry)
	_, err := r.One(hurried, 1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.One(hurried, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// TestWhoHasNoTimeKeepsNobodyElseFromAnAnswer: neither when it is his turn to begin the round, nor when
// he has begun it.
func TestWhoHasNoTimeKeepsNobodyElseFromAnAnswer(t *testing.T) {
	t.Parallel()
	r, begun, letGo := held(1)
	hurried, hurry := context.WithCancel(t.Context())
	var group sync.WaitGroup
	ask := func(ctx context.Context, question int, want error) {
		group.Go(func() {
			_, err := r.One(ctx, question)
			assert.ErrorIs(t, err, want)
		})
	}
	ask(t.Context(), 1, nil)
	<-begun
	ask(hurried, 2, context.Canceled)
	joined(t, r, 1)
	ask(t.Context(), 3, nil)
	joined(t, r, 2)
	hurry()
	assert.Equal(t, []int{2, 3}, <-begun)
	failed := errors.New("away")
	ask(t.Context(), 4, failed)
	joined(t, r, 1)
	letGo <- nil
	letGo <- nil
	assert.Equal(t, []int{4}, <-begun)
	letGo <- failed
	group.Wait()
}

func TestRoundThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r, begun, letGo := held(1)
	r.longest = time.Millisecond
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			answer, err := r.One(t.Context(), i)
			assert.NoError(t, err)
			assert.Equal(t, -i, answer)
		})
		assert.Equal(t, []int{i}, <-begun)
	}
	for range 5 {
		letGo <- nil
	}
	group.Wait()
}

// TestRoundThatPanicsInNobodysNameEndsNothingElse: its first asker has left before it began.
func TestRoundThatPanicsInNobodysNameEndsNothingElse(t *testing.T) {
	t.Parallel()
	r, begun, letGo := held(1)
	var group sync.WaitGroup
	group.Go(func() {
		_, err := r.One(t.Context(), 1)
		assert.NoError(t, err)
	})
	<-begun
	hurried, hurry := context.WithCancel(t.Context())
	r.do = func(context.Context, []int) ([]int, error) { panic("oh") } // of those that begin from now on
	group.Go(func() {
		_, err := r.One(hurried, 2)
		assert.Error(t, err)
	})
	joined(t, r, 1)
	group.Go(func() {
		_, err := r.One(t.Context(), 3)
		assert.ErrorIs(t, err, errPanicked)
	})
	joined(t, r, 2)
	hurry()
	letGo <- nil
	group.Wait()
}

func TestRoundThatPanicsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	r := New(2, func(context.Context, []int) ([]int, error) { panic("oh") })
	for range 4 {
		assert.Panics(t, func() { _, _ = r.One(t.Context(), 1) })
	}
	r.do = func(_ context.Context, questions []int) ([]int, error) { return negative(questions), nil }
	answer, err := r.One(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, -1, answer)
}
