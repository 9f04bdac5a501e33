package batch

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Redis returns a hook for a client of a single Redis: commands that are given at the same time go there in
// one pipeline. Those are scripts and the reads of sessions, on which every request waits; others go
// by themselves. It wants a client of the same connections that has no hooks. A cluster has no use for
// it: in a pipeline, what one node answers would wait for another that is away.
func Redis(bare *redis.Client) redis.Hook {
	return redisHook{New(pipelinesAtOnce, func(ctx context.Context, cmds []redis.Cmder) ([]sent, error) {
		if len(cmds) == 1 {
			return []sent{{bare.Process(ctx, cmds[0]), true}}, nil
		}
		pipe := bare.Pipeline()
		for _, cmd := range cmds {
			_ = pipe.Process(ctx, cmd)
		}
		_, _ = pipe.Exec(ctx) // each has its own error
		all := make([]sent, len(cmds))
		for i, cmd := range cmds {
			all[i].err = cmd.Err()
		}
		return all, nil
	})}
}

// sent is what came of a command.
type sent struct {
	err error
	// alone: it was in no pipeline.
	alone bool
}

// pipelinesAtOnce is how many run at once: while a long answer comes in one, there is another.
const pipelinesAtOnce = 2

type redisHook struct{ pipelines *Rounds[redis.Cmder, sent] }

func (redisHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook has commands sent with others.
func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd := cmd.(type) {
		case *redis.Cmd:
			if cmd.Name() == "evalsha" {
				return send(ctx, h, cmd, redis.NewCmd(ctx, cmd.Args()...), next)
			}
		case *redis.StringCmd:
			if cmd.Name() == "getex" {
				return send(ctx, h, cmd, redis.NewStringCmd(ctx, cmd.Args()...), next)
			}
		}
		return next(ctx, cmd)
	}
}

// command is one whose answer is a T.
type command[T any] interface {
	redis.Cmder
	Val() T
	SetVal(T)
}

// send sends a copy of a command: who has no time left takes the command back while the copy is still under
// way.
func send[T any](
	ctx context.Context, h redisHook, cmd, copied command[T], next redis.ProcessHook,
) error {
	sent, err := h.pipelines.One(ctx, copied)
	if err == nil {
		err = sent.err
	}
	if !sent.alone && refused(err) {
		return next(ctx, cmd)
	}
	if err == nil {
		cmd.SetVal(copied.Val())
	}
	return err
}

// refused reports whether Redis answered, but not with what was asked for. The client asks a command of its
// own again where that may help, of the new master or when Redis has loaded its data, but not one in a pipeline.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}
