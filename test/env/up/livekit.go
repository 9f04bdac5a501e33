package main

import (
	"context"

	"foyer/test/env"
)

func (s *services) startLiveKit(ctx context.Context, server *env.LiveKitServer) error {
	process, err := s.keep("livekit", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, env.GetLiveKit(server.URL()))
}
