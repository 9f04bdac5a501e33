package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"foyer/test/env"
)

// clusterSlots is how many hash slots every Redis Cluster has.
const clusterSlots = 16384

func (s *services) startRedis(ctx context.Context, port int) error {
	_, err := s.redisServer(ctx, "redis", port)
	return err
}

// startCluster makes a cluster with a node for each port. buses are the ports on which the nodes talk to each other. It
// returns when each node serves the whole cluster.
func (s *services) startCluster(ctx context.Context, ports, buses []int) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range ports {
		group.Go(func() error { return s.startNode(ctx, ports, buses, i) })
	}
	return group.Wait()
}

func (s *services) startNode(ctx context.Context, ports, buses []int, i int) error {
	server, err := s.redisServer(ctx, fmt.Sprintf("redis-node-%d", i), ports[i],
		"--cluster-enabled", "yes",
		"--cluster-port", strconv.Itoa(buses[i]),
		"--cluster-node-timeout", "30000") // a node on a busy machine is not dead
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: address(ports[i])})
	defer client.Close()
	if err := join(ctx, client, ports, buses, i); err != nil {
		return fmt.Errorf("join node %d to the Redis Cluster: %w", i, err)
	}
	return server.Ready(ctx, func(ctx context.Context) error {
		return joined(ctx, client, len(ports))
	})
}

// join gives node i its share of the slots and introduces it to the nodes before it. It retries while these are not
// up.
func join(ctx context.Context, node *redis.Client, ports, buses []int, i int) error {
	first, next := clusterSlots*i/len(ports), clusterSlots*(i+1)/len(ports)
	if err := node.ClusterAddSlotsRange(ctx, first, next-1).Err(); err != nil {
		return err
	}
	for other := range i {
		err := node.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", ports[other], buses[other]).Err()
		if err != nil {
			return err
		}
	}
	return nil
}

// joined returns nil when the node knows all others and finds every slot served.
func joined(ctx context.Context, node *redis.Client, size int) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", size)} {
		if !strings.Contains(info, want+"\r\n") {
			return fmt.Errorf("not yet %s", want)
		}
	}
	return nil
}

// redisServer starts a server that stores nothing on disk, and waits until it answers.
func (s *services) redisServer(
	ctx context.Context, name string, port int, settings ...string,
) (*env.Process, error) {
	dir := s.path(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--save", "",
	}, settings...)...)
	server, err := s.process(name, cmd)
	if err != nil {
		return nil, err
	}
	return server, server.Ready(ctx, env.PingRedis(address(port)))
}

func addresses(ports []int) string {
	list := make([]string, len(ports))
	for i, port := range ports {
		list[i] = address(port)
	}
	return strings.Join(list, ",")
}
