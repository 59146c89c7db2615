package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// recoveryWait is how much longer than an editor's session a command waits for LeadMagic to recover.
const recoveryWait = 5 * time.Second

// connect opens ss as an editor would, over pipes. protocol is the version to ask for, empty for the newest. end ends the
// session in order: LeadMagic is told, and nothing of it is left running.
func (ss *session) connect(ctx context.Context, protocol string) (client *mcp.ClientSession, end func(), err error) {
	if ss.refusal != nil {
		return nil, nil, ss.refusal
	}
	in, toProxy := io.Pipe()
	fromProxy, out := io.Pipe()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := ss.run(ctx, in, out)
		_ = in.CloseWithError(err)
		_ = out.CloseWithError(err)
	}()
	client, err = mcp.NewClient(&mcp.Implementation{Name: "leadmagic-mcp-proxy", Version: ss.env.Version}, nil).
		Connect(ctx, &mcp.IOTransport{Reader: fromProxy, Writer: toProxy, MaxLineLength: -1}, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		stop()
		<-ended
		return nil, nil, err
	}
	end = func() {
		_ = client.Close()
		<-ended
		stop()
	}
	// To a command, a session with the fallback server is an error. It waits for LeadMagic, or for the reason, first.
	if ss.failover.Status().Problem != nil {
		waiting, cancel := context.WithTimeout(ctx, recoveryWait)
		ss.failover.Wait(waiting)
		cancel()
	}
	if p := ss.failover.Status().Problem; p != nil {
		end()
		return nil, nil, ss.describe(p)
	}
	return client, end, nil
}

// use opens ss for a command, which is given the tools too.
func (ss *session) use(ctx context.Context, command func(client *mcp.ClientSession, tools []*mcp.Tool) error) error {
	client, end, err := ss.connect(ctx, "")
	if err != nil {
		return err
	}
	defer end()
	tools := []*mcp.Tool{}
	for tool, err := range client.Tools(ctx, nil) {
		if err != nil {
			return rpcError(err)
		}
		tools = append(tools, tool)
	}
	return command(client, tools)
}

// tryKey opens a session with that key and no other: LeadMagic checks the key, and no tool is called, so that it is free.
func tryKey(ctx context.Context, env *Env, s *settings, key auth.Key) error {
	ss := newSession(env, s)
	defer ss.close()
	ss.keys.Close()
	ss.keys, ss.signIn = auth.Only(key, "what was typed"), nil
	ss.keys.Redactor = env.redactor
	_, end, err := ss.connect(ctx, "")
	if err != nil {
		return err
	}
	defer end()
	if ss.failover.Status().Upstream != "rest" {
		return nil
	}
	// The REST upstream opens its session without a request to LeadMagic.
	_, err = ss.balance(ctx)
	if p := problem.As(err); p != nil {
		return ss.describe(p)
	}
	return err
}

// rpcError is the error as the session answered it, without the SDK's own text around it.
func rpcError(err error) error {
	if own, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return own
	}
	return err
}
