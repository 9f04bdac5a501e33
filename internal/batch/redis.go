package batch

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Redis returns a hook for a client of a single Redis. It sends concurrent commands together in one pipeline: scripts
// and the reads of sessions, on which every request waits. Other commands are sent alone. Bare is a client with the
// same connections and without hooks. The hook does not help with a Cluster: in a pipeline, the result of one node
// would wait for another that is down.
func Redis(bare *redis.Client) redis.Hook {
	return redisHook{New(pipelinesAtOnce, func(ctx context.Context, cmds []redis.Cmder) ([]sent, error) {
		if len(cmds) == 1 {
			return []sent{{bare.Process(ctx, cmds[0]), true}}, nil
		}
		pipe := bare.Pipeline()
		for _, cmd := range cmds {
			_ = pipe.Process(ctx, cmd)
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
		all := make([]sent, len(cmds))
		for i, cmd := range cmds {
			all[i].err = cmd.Err()
		}
		return all, nil
	})}
}

// sent is the result of a command.
type sent struct {
	err error
	// alone is true if the command was not in a pipeline.
	alone bool
}

// pipelinesAtOnce is how many pipelines run at the same time: while one returns a long result, there is another.
const pipelinesAtOnce = 2

type redisHook struct{ pipelines *Batcher[redis.Cmder, sent] }

func (redisHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook sends commands in batches.
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

// command is a command whose result is a T.
type command[T any] interface {
	redis.Cmder
	Val() T
	SetVal(T)
}

// send sends a copy of a command, because a caller whose context ends takes its command back while the copy is still in
// use.
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

// refused reports whether Redis refused a command. The client repeats a single command where that can help, on the new
// master or when Redis has loaded its data, but not one in a pipeline.
func refused(err error) bool {
	var result redis.Error
	return errors.As(err, &result) && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}
