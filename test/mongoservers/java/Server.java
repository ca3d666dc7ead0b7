import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Serves MongoDB's protocol from memory on 127.0.0.1, on a port that the kernel chooses, until it is killed. */
public final class Server {
    /** MongoDB 4.4, the oldest that the Go driver speaks to. The versions that the library names say wire version 8 and less. */
    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0);
        }

        @Override
        public int getWireVersion() {
            return 9;
        }
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 1) {
            System.err.println("usage: Server URI-FILE");
            System.exit(2);
        }
        MongoServer server = new MongoServer(new MemoryBackend().version(new Version()));
        server.bind("127.0.0.1", 0);
        int port = server.getLocalAddress().getPort();
        String uri = "mongodb://127.0.0.1:" + port + "/";
        Path next = Path.of(args[0] + ".new");
        Files.writeString(next, uri + "\n");
        // A reader sees the whole URI or nothing.
        Files.move(next, Path.of(args[0]), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        System.err.println("mongo-java-server: listening on " + uri);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }
}
